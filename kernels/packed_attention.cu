// Packed causal attention on CUDA, float32: tiles of 32 queries by 32 keys, one block of 128
// threads a tile of queries (forward, d_q) or of keys (d_k, d_v). No atomics: the same bits on
// every call. Legend: Q queries of a tile, K keys of a tile, P head width, a multiple of 1 up to
// 128.
#include "kernels/counter_random.h"
#include "kernels/cuda_launch.h"
#include "kernels/packed_attention_cuda.h"

namespace seqsweep {

namespace {

constexpr int kTile = 32, kThreads = 128, kMaxWidth = 128;
constexpr int kRowsAThread = kTile * kTile / kThreads;  // Of a tile's column.
constexpr int kMaxSums =
    kTile * kMaxWidth / kThreads;  // Sums of a [tile, P] result a thread keeps.

// Which tile of which head of which sequence a block works on.
struct Place {
  int head, begin, length, first;  // `first`: of the tile's rows in the sequence.
  __device__ explicit Place(const PackedAttentionParams& p)
      : head(blockIdx.z), begin(p.offsets[blockIdx.x]), first(blockIdx.y * kTile) {
    length = p.offsets[blockIdx.x + 1] - begin;
  }
};

// Rows of a tile in shared memory, one number of padding a row against bank conflicts.
struct Tile {
  float* data;
  int stride;
  __device__ float& at(int row, int column) const { return data[row * stride + column]; }
};

__device__ void load(Tile tile, HeadsView from, const Place& place, int first, int width) {
  for (int i = threadIdx.x; i < kTile * width; i += kThreads) {
    const int row = i / width, column = i % width, token = first + row;
    tile.at(row, column) = token < place.length
                               ? from.data[(place.begin + token) * from.token_stride +
                                           place.head * from.head_stride + column]
                               : 0.0F;
  }
}

// [rows of a] . [rows of b]: products(q, k) for this thread's 8 pairs, k = threadIdx.x % 32.
__device__ void multiply(Tile a, Tile b, int width, float (&products)[kRowsAThread]) {
  const int column = threadIdx.x % kTile, first_row = threadIdx.x / kTile;
  for (int i = 0; i < kRowsAThread; ++i) products[i] = 0;
  for (int p = 0; p < width; ++p) {
    const float y = b.at(column, p);
    for (int i = 0; i < kRowsAThread; ++i) products[i] += a.at(first_row + i * 4, p) * y;
  }
}

// sums[j] += left x right for this thread's entries of a [tile, P] result; kTransposed: left^T.
template <bool kTransposed>
__device__ void accumulate(Tile left, Tile right, int width, float (&sums)[kMaxSums]) {
#pragma unroll
  for (int j = 0; j < kMaxSums; ++j) {
    const int i = threadIdx.x + j * kThreads;
    if (i >= kTile * width) break;
    const int row = i / width, column = i % width;
    float sum = 0;
    for (int k = 0; k < kTile; ++k) {
      sum += (kTransposed ? left.at(k, row) : left.at(row, k)) * right.at(k, column);
    }
    sums[j] += sum;
  }
}

__device__ void store(const float (&sums)[kMaxSums], HeadsView to, const Place& place, int width,
                      float scale) {
#pragma unroll
  for (int j = 0; j < kMaxSums; ++j) {
    const int i = threadIdx.x + j * kThreads, row = i / width;
    if (i >= kTile * width || place.first + row >= place.length) break;
    to.data[(place.begin + place.first + row) * to.token_stride + place.head * to.head_stride +
            i % width] = sums[j] * scale;
  }
}

__device__ float dropout_factor(const PackedAttentionParams& p, const DropoutRule& rule,
                                const Place& place, int query, int key) {
  const RandomKey head_key = derive(random_key(p.seed), place.head);
  return rule.factor(derive(head_key, place.begin + query), key);
}

__device__ int64_t row_index(const PackedAttentionParams& p, const Place& place, int token) {
  return int64_t(place.begin + token) * p.heads + place.head;
}

// A warp owns 8 query rows of the tile of scores; its lanes are the keys.
__global__ void forward_kernel(PackedAttentionParams p) {
  const Place place(p);
  if (place.first >= place.length) return;
  extern __shared__ float shared[];
  const int width = p.head_width, stride = width + 1;
  const Tile q{shared, stride}, k{shared + kTile * stride, stride},
      v{shared + 2 * kTile * stride, stride}, w{shared + 3 * kTile * stride, kTile + 1};
  float* const shrink = w.data + kTile * (kTile + 1);  // What a new maximum does to old sums, [Q].
  const DropoutRule rule(p.dropout);
  const int lane = threadIdx.x % kTile, first_row = threadIdx.x / kTile;
  float top[kRowsAThread], sum[kRowsAThread], out[kMaxSums] = {}, score[kRowsAThread];
  for (int i = 0; i < kRowsAThread; ++i) top[i] = -INFINITY, sum[i] = 0;
  load(q, p.q, place, place.first, width);
  for (int first_key = 0; first_key <= place.first; first_key += kTile) {
    load(k, p.k, place, first_key, width);
    load(v, p.v, place, first_key, width);
    __syncthreads();
    multiply(q, k, width, score);
    const int key = first_key + lane;
    for (int i = 0; i < kRowsAThread; ++i) {
      const int row = first_row + i * 4, query = place.first + row;
      const float x = key <= query ? score[i] * p.scale : -INFINITY;
      float best = fmaxf(top[i], x);
      for (int step = 16; step > 0; step /= 2) best = fmaxf(best, __shfl_xor_sync(~0U, best, step));
      const float weight = __expf(x - best), kept = __expf(top[i] - best);
      float total = weight;
      for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(~0U, total, step);
      sum[i] = sum[i] * kept + total;
      top[i] = best;
      w.at(row, lane) =
          p.dropout > 0 ? weight * dropout_factor(p, rule, place, query, key) : weight;
      if (lane == 0) shrink[row] = kept;
    }
    __syncthreads();
#pragma unroll
    for (int j = 0; j < kMaxSums; ++j) {
      const int i = threadIdx.x + j * kThreads;
      if (i < kTile * width) out[j] *= shrink[i / width];
    }
    accumulate<false>(w, v, width, out);
    __syncthreads();
  }
  for (int i = 0; i < kRowsAThread; ++i) {
    const int row = first_row + i * 4, query = place.first + row;
    if (lane != 0) continue;
    shrink[row] = 1 / sum[i];
    if (query < place.length) p.log_sum_TH[row_index(p, place, query)] = top[i] + __logf(sum[i]);
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < kMaxSums; ++j) {
    const int i = threadIdx.x + j * kThreads;
    if (i < kTile * width) out[j] *= shrink[i / width];
  }
  store(out, p.out, place, width, 1);
}

// out . d_out of each token and head.
__global__ void out_dot_kernel(PackedAttentionParams p, int64_t rows) {
  const int64_t row = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  const int64_t token = row / p.heads, head = row % p.heads;
  const float* out = p.out.data + token * p.out.token_stride + head * p.out.head_stride;
  const float* d_out = p.d_out.data + token * p.d_out.token_stride + head * p.d_out.head_stride;
  float sum = 0;
  for (int i = 0; i < p.head_width; ++i) sum += out[i] * d_out[i];
  p.out_dot_TH[row] = sum;
}

// The tiles that both backward kernels work with.
struct BackwardTiles {
  Tile q, k, v, d_out, w, d_s;
  __device__ BackwardTiles(float* shared, int width) {
    const int stride = width + 1, size = kTile * stride;
    q = {shared, stride};
    k = {shared + size, stride};
    v = {shared + 2 * size, stride};
    d_out = {shared + 3 * size, stride};
    w = {shared + 4 * size, kTile + 1};
    d_s = {w.data + kTile * (kTile + 1), kTile + 1};
  }
};

// Fills w (weights after dropout) and d_s (gradients of the scores before scaling).
__device__ void differentiate(const PackedAttentionParams& p, const BackwardTiles& t,
                              const Place& place, int first_query, int first_key) {
  float score[kRowsAThread], d_weight[kRowsAThread];
  multiply(t.q, t.k, p.head_width, score);
  multiply(t.d_out, t.v, p.head_width, d_weight);
  const DropoutRule rule(p.dropout);
  const int lane = threadIdx.x % kTile, key = first_key + lane;
  for (int i = 0; i < kRowsAThread; ++i) {
    const int row = threadIdx.x / kTile + i * 4, query = first_query + row;
    float weight = 0, factor = 1, d_score = 0;
    if (key <= query && query < place.length) {
      const int64_t index = row_index(p, place, query);
      weight = __expf(score[i] * p.scale - p.log_sum_TH[index]);
      if (p.dropout > 0) factor = dropout_factor(p, rule, place, query, key);
      d_score = weight * (d_weight[i] * factor - p.out_dot_TH[index]);
    }
    t.w.at(row, lane) = weight * factor;
    t.d_s.at(row, lane) = d_score;
  }
}

__global__ void d_queries_kernel(PackedAttentionParams p) {
  const Place place(p);
  if (place.first >= place.length) return;
  extern __shared__ float shared[];
  const BackwardTiles t(shared, p.head_width);
  float d_q[kMaxSums] = {};
  load(t.q, p.q, place, place.first, p.head_width);
  load(t.d_out, p.d_out, place, place.first, p.head_width);
  for (int first_key = 0; first_key <= place.first; first_key += kTile) {
    load(t.k, p.k, place, first_key, p.head_width);
    load(t.v, p.v, place, first_key, p.head_width);
    __syncthreads();
    differentiate(p, t, place, place.first, first_key);
    __syncthreads();
    accumulate<false>(t.d_s, t.k, p.head_width, d_q);
    __syncthreads();
  }
  store(d_q, p.d_q, place, p.head_width, p.scale);
}

__global__ void d_keys_kernel(PackedAttentionParams p) {
  const Place place(p);
  if (place.first >= place.length) return;
  extern __shared__ float shared[];
  const BackwardTiles t(shared, p.head_width);
  float d_k[kMaxSums] = {}, d_v[kMaxSums] = {};
  load(t.k, p.k, place, place.first, p.head_width);
  load(t.v, p.v, place, place.first, p.head_width);
  for (int first_query = place.first; first_query < place.length; first_query += kTile) {
    load(t.q, p.q, place, first_query, p.head_width);
    load(t.d_out, p.d_out, place, first_query, p.head_width);
    __syncthreads();
    differentiate(p, t, place, first_query, place.first);
    __syncthreads();
    accumulate<true>(t.d_s, t.q, p.head_width, d_k);
    accumulate<true>(t.w, t.d_out, p.head_width, d_v);
    __syncthreads();
  }
  store(d_k, p.d_k, place, p.head_width, p.scale);
  store(d_v, p.d_v, place, p.head_width, 1);
}

using Kernel = void (*)(PackedAttentionParams);

const char* launch(Kernel kernel, const PackedAttentionParams& p, int tiles_of_width,
                   int tiles_of_keys) {
  if (p.head_width > kMaxWidth) return "heads wider than 128 are not supported";
  const dim3 grid(p.sequences, (p.max_length + kTile - 1) / kTile, p.heads);
  const int numbers =
      kTile * (tiles_of_width * (p.head_width + 1) + tiles_of_keys * (kTile + 1)) + kTile;
  const int bytes = numbers * static_cast<int>(sizeof(float));
  cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess) {
    kernel<<<grid, kThreads, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

const char* forward(const PackedAttentionParams& p) {
  if (p.sequences == 0 || p.max_length == 0) return nullptr;
  return launch(forward_kernel, p, 3, 1);
}

const char* backward(const PackedAttentionParams& p) {
  if (p.sequences == 0 || p.max_length == 0) return nullptr;
  const int64_t rows = p.tokens * p.heads;
  out_dot_kernel<<<static_cast<unsigned>((rows + 255) / 256), 256, 0, cuda_stream()>>>(p, rows);
  if (const char* error = launch(d_queries_kernel, p, 4, 2)) return error;
  return launch(d_keys_kernel, p, 4, 2);
}

// Loading the plug-in fills the slot.
const int kFilled = (packed_attention_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
