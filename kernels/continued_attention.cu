// Attention of written tokens on CUDA, float32. A block takes the queries of neighbouring rows that
// continue one prompt, of the heads of one group, and walks over a part of the prompt's tokens in
// tiles, with a running maximum and sum (online softmax, Milakov & Gimelshein 2018); other blocks
// walk over the written tokens of a row. The parts are added up in their order: the same bits on
// every call.
#include <cuda_pipeline_primitives.h>

#include "kernels/continued_attention_cuda.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

// A thread has queries down, down + 8, ..., tokens across, across + 16, ... of their scores and
// columns 4 across, 64 + 4 across, ... of their sums, four at a time.
constexpr int kThreads = 128, kAcross = 16, kDown = kThreads / kAcross;
constexpr float kLog2OfE = 1.44269504F;

// kWidth: room for a head, a multiple of 64. With wide heads a tile has fewer tokens: it must fit.
template <int kOfThread, int kWidth>
struct Shape {
  static constexpr int kQueries = kDown * kOfThread;
  static constexpr bool kWide = kWidth > (kOfThread > 4 ? 64 : 128);
  static constexpr int kTokens = kWide ? kContinuedTokens / 2 : kContinuedTokens;
  static constexpr int kStride = kWidth + 4, kWeightStride = kTokens + 4;  // Against conflicts.
  static constexpr int kNumbers = (kQueries + 2 * kTokens) * kStride + kQueries * kWeightStride;
};

// `heads` heads of each of some rows; query m is head m % heads of row m / heads.
struct Queries {
  int64_t row;
  int head, heads, count;
  __device__ int64_t index(const ContinuedAttentionParams& p, int m) const {
    return (row + m / heads) * p.heads + head + m % heads;
  }
};

struct Tokens {
  const float *k, *v;
  int count;
  int64_t stride;
};

__device__ float4& four(float* at) {
  return *reinterpret_cast<float4*>(at);
}

__device__ float4 four(const float* at) {
  return *reinterpret_cast<const float4*>(at);
}

// Starts to copy `count` rows to a tile; the rest of it becomes zeros.
template <int kRows, int kWidth, typename RowAt>
__device__ void start_copy(float* tile, int count, int width, bool aligned, RowAt row_at) {
  constexpr int kOfRow = kWidth / 4, kStride = kWidth + 4;
  if (aligned) {
#pragma unroll 4
    for (int i = threadIdx.x; i < kRows * kOfRow; i += kThreads) {
      const int row = i / kOfRow, column = i % kOfRow * 4;
      float* to = tile + row * kStride + column;
      if (row < count && column < width) {
        __pipeline_memcpy_async(to, row_at(row) + column, sizeof(float4));
      } else {
        four(to) = {0, 0, 0, 0};
      }
    }
    return;
  }
#pragma unroll 1
  for (int i = threadIdx.x; i < kRows * kWidth; i += kThreads) {
    const int row = i / kWidth, column = i % kWidth;
    float* to = tile + row * kStride + column;
    if (row < count && column < width) {
      __pipeline_memcpy_async(to, row_at(row) + column, sizeof(float));
    } else {
      *to = 0;
    }
  }
}

__device__ float max_across(float x) {
  for (int step = kAcross / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(~0U, x, step));
  return x;
}

__device__ float sum_across(float x) {
  for (int step = kAcross / 2; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

// What a thread knows of its queries. Weights are powers of two: scores come times log2(e).
template <int kOfThread, int kWidth>
struct Seen {
  using Of = Shape<kOfThread, kWidth>;
  static constexpr int kTokensAThread = Of::kTokens / kAcross, kFours = kWidth / 64;
  float most[kOfThread], sum[kOfThread];
  float4 value[kOfThread][kFours];
  float score[kOfThread][kTokensAThread];

  __device__ Seen() {
    for (int i = 0; i < kOfThread; ++i) {
      most[i] = -INFINITY;
      sum[i] = 0;
      for (int b = 0; b < kFours; ++b) value[i][b] = {0, 0, 0, 0};
    }
  }

  __device__ void multiply_with_keys(const float* q, const float* k, int width, int down,
                                     int across) {
    for (int i = 0; i < kOfThread; ++i) {
      for (int j = 0; j < kTokensAThread; ++j) score[i][j] = 0;
    }
#pragma unroll 1
    for (int at = 0; at < width; at += 4) {
      float4 key[kTokensAThread];
#pragma unroll
      for (int j = 0; j < kTokensAThread; ++j) {
        key[j] = four(k + (across + kAcross * j) * Of::kStride + at);
      }
#pragma unroll
      for (int i = 0; i < kOfThread; ++i) {
        const float4 of = four(q + (down + kDown * i) * Of::kStride + at);
#pragma unroll
        for (int j = 0; j < kTokensAThread; ++j) {
          score[i][j] += of.x * key[j].x;
          score[i][j] += of.y * key[j].y;
          score[i][j] += of.z * key[j].z;
          score[i][j] += of.w * key[j].w;
        }
      }
    }
  }

  // Tokens from `count` on are none.
  __device__ void weigh(float* weights, int count, float scale, int down, int across) {
#pragma unroll
    for (int i = 0; i < kOfThread; ++i) {
      float now = most[i];
#pragma unroll
      for (int j = 0; j < kTokensAThread; ++j) {
        score[i][j] = across + kAcross * j < count ? score[i][j] * scale : -INFINITY;
        now = fmaxf(now, score[i][j]);
      }
      now = max_across(now);
      const float keep = exp2f(most[i] - now);
      most[i] = now;
      sum[i] *= keep;
      float* of_query = weights + (down + kDown * i) * Of::kWeightStride + across;
#pragma unroll
      for (int j = 0; j < kTokensAThread; ++j) {
        const float weight = exp2f(score[i][j] - now);
        of_query[kAcross * j] = weight;
        sum[i] += weight;
      }
#pragma unroll
      for (int b = 0; b < kFours; ++b) {
        float4& of = value[i][b];
        of = {of.x * keep, of.y * keep, of.z * keep, of.w * keep};
      }
    }
  }

  __device__ void add_values(const float* weights, const float* v, int count, int down,
                             int across) {
#pragma unroll 1
    for (int t = 0; t < count; t += 4) {
      float4 weight[kOfThread];
#pragma unroll
      for (int i = 0; i < kOfThread; ++i) {
        weight[i] = four(weights + (down + kDown * i) * Of::kWeightStride + t);
      }
#pragma unroll
      for (int b = 0; b < kFours; ++b) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float4 x = four(v + (t + e) * Of::kStride + 64 * b + 4 * across);
#pragma unroll
          for (int i = 0; i < kOfThread; ++i) {
            const float4 all = weight[i];
            const float w = e < 2 ? (e == 0 ? all.x : all.y) : (e == 2 ? all.z : all.w);
            float4& of = value[i][b];
            of = {of.x + w * x.x, of.y + w * x.y, of.z + w * x.z, of.w + w * x.w};
          }
        }
      }
    }
  }

  __device__ void store(const ContinuedAttentionParams& p, const Queries& of, int part,
                        bool aligned, int down, int across) {
#pragma unroll
    for (int i = 0; i < kOfThread; ++i) {
      const float whole = sum_across(sum[i]);
      const int m = down + kDown * i;
      if (m >= of.count) continue;
      const int64_t at = part * p.rows * p.heads + of.index(p, m);
      if (across == 0) {
        p.seen_NRH2[2 * at] = most[i];
        p.seen_NRH2[2 * at + 1] = whole;
      }
#pragma unroll
      for (int b = 0; b < kFours; ++b) {
        const int column = 64 * b + 4 * across;
        float* to = p.sums_NRHP + at * p.width + column;
        if (column >= p.width) continue;
        if (aligned) {
          four(to) = value[i][b];
          continue;
        }
        to[0] = value[i][b].x;
        if (column + 1 < p.width) to[1] = value[i][b].y;
        if (column + 2 < p.width) to[2] = value[i][b].z;
        if (column + 3 < p.width) to[3] = value[i][b].w;
      }
    }
  }
};

// While the scores of a tile are computed its values arrive, meanwhile the next tile's keys.
template <int kOfThread, int kWidth>
__device__ void attend(const ContinuedAttentionParams& p, const Queries& of, const Tokens& seen,
                       int part, bool aligned, float* shared) {
  using Of = Shape<kOfThread, kWidth>;
  if (seen.count <= 0) {
    for (int m = threadIdx.x; m < of.count; m += kThreads) {
      p.seen_NRH2[2 * (part * p.rows * p.heads + of.index(p, m))] = -INFINITY;
    }
    return;
  }
  float *q = shared, *k = q + Of::kQueries * Of::kStride, *v = k + Of::kTokens * Of::kStride;
  float* weights = v + Of::kTokens * Of::kStride;
  const int down = threadIdx.x / kAcross, across = threadIdx.x % kAcross;
  const bool busy = threadIdx.x / 32 * (32 / kAcross) < of.count;  // The whole warp.
  const auto start_tile = [&](float* tile, const float* from, int first) {
    start_copy<Of::kTokens, kWidth>(tile, seen.count - first, p.width, aligned,
                                    [&](int row) { return from + (first + row) * seen.stride; });
  };
  start_copy<Of::kQueries, kWidth>(q, of.count, p.width, aligned,
                                   [&](int m) { return p.q_RHP + of.index(p, m) * p.width; });
  start_tile(k, seen.k, 0);
  __pipeline_commit();
  start_tile(v, seen.v, 0);
  __pipeline_commit();
  Seen<kOfThread, kWidth> mine;
  for (int first = 0; first < seen.count; first += Of::kTokens) {
    const int count = min(seen.count - first, Of::kTokens), next = first + Of::kTokens;
    __pipeline_wait_prior(1);
    __syncthreads();  // The keys are there.
    if (busy) mine.multiply_with_keys(q, k, p.width, down, across);
    __syncthreads();
    if (next < seen.count) start_tile(k, seen.k, next);
    __pipeline_commit();
    if (busy) mine.weigh(weights, count, p.scale * kLog2OfE, down, across);
    __pipeline_wait_prior(1);
    __syncthreads();  // The values are there.
    if (busy) mine.add_values(weights, v, count, down, across);
    __syncthreads();
    if (next < seen.count) start_tile(v, seen.v, next);
    __pipeline_commit();
  }
  if (busy) mine.store(p, of, part, aligned, down, across);
}

// The part of `count` tokens that the part-th of `parts` blocks takes: whole tiles.
struct Range {
  int first, count;
  __device__ Range(int of, int part, int parts, int tile) {
    const int tiles = (of + tile - 1) / tile, a_part = (tiles + parts - 1) / parts * tile;
    first = part * a_part;
    count = min(of - first, a_part);
  }
};

template <int kOfThread, int kWidth>
__device__ void attend_with_all_heads(const ContinuedAttentionParams& p, int64_t row, int rows,
                                      const Tokens& seen, int part, bool aligned, float* shared) {
  const int of_group = p.heads / p.groups;
  const int heads_a_tile = min(of_group, Shape<kOfThread, kWidth>::kQueries);
  for (int first = 0; first < of_group; first += heads_a_tile) {
    const int heads = min(of_group - first, heads_a_tile);
    const int head = static_cast<int>(blockIdx.y) * of_group + first;
    attend<kOfThread, kWidth>(p, {row, head, heads, rows * heads}, seen, part, aligned, shared);
  }
}

template <int kOfThread, int kWidth>
__device__ void attend_to_prompts(const ContinuedAttentionParams& p, int64_t tile, int part,
                                  bool aligned, float* shared) {
  const int64_t stride = int64_t(p.groups) * p.width;
  const int64_t end = min(p.rows, (tile + 1) * p.parts.rows);
  for (int64_t row = tile * p.parts.rows; row < end;) {
    const int64_t prompt = p.prompt_R[row];
    int rows = 1;
    while (row + rows < end && p.prompt_R[row + rows] == prompt) ++rows;
    const int begin = p.offsets_S1[prompt], read = p.offsets_S1[prompt + 1] - begin;
    const Range range(read, part, p.parts.prompt, Shape<kOfThread, kWidth>::kTokens);
    const int64_t at = (int64_t(begin) + range.first) * stride + blockIdx.y * p.width;
    attend_with_all_heads<kOfThread, kWidth>(
        p, row, rows, {p.prompt_k_TGP + at, p.prompt_v_TGP + at, range.count, stride}, part,
        aligned, shared);
    row += rows;
  }
}

template <int kWidth>
__device__ void attend_to_written(const ContinuedAttentionParams& p, int64_t row, int part,
                                  bool aligned, float* shared) {
  const int64_t stride = int64_t(p.groups) * p.width;
  const Range range(static_cast<int>(p.written), part, p.parts.written, Shape<1, kWidth>::kTokens);
  const int64_t at = (row * p.room + range.first) * stride + blockIdx.y * p.width;
  attend_with_all_heads<1, kWidth>(
      p, row, 1, {p.written_k_RLGP + at, p.written_v_RLGP + at, range.count, stride},
      p.parts.prompt + part, aligned, shared);
}

// First the blocks of tiles of rows, a prompt's parts side by side, then those of rows.
template <int kOfThread, int kWidth>
__global__ void __launch_bounds__(kThreads, kWidth > 128  ? 1
                                            : kWidth > 64 ? 2
                                                          : 3)
    attend_kernel(ContinuedAttentionParams p, bool aligned) {
  extern __shared__ float4 room_of_block[];
  float* shared = &room_of_block[0].x;
  const int64_t tiles = (p.rows + p.parts.rows - 1) / p.parts.rows;
  const int64_t block = blockIdx.x, of_prompts = tiles * p.parts.prompt;
  if (block < of_prompts) {
    const int part = static_cast<int>(block % p.parts.prompt);
    attend_to_prompts<kOfThread, kWidth>(p, block / p.parts.prompt, part, aligned, shared);
  } else {
    const int part = static_cast<int>((block - of_prompts) % p.parts.written);
    attend_to_written<kWidth>(p, (block - of_prompts) / p.parts.written, part, aligned, shared);
  }
}

// A thread a number of the result.
__global__ void merge_kernel(ContinuedAttentionParams p) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t heads = p.rows * p.heads, numbers = heads * p.width;
  if (i >= numbers) return;
  const int parts = p.parts.prompt + p.parts.written;
  const float2* seen = reinterpret_cast<const float2*>(p.seen_NRH2) + i / p.width;
  float most = -INFINITY;
  for (int n = 0; n < parts; ++n) most = fmaxf(most, seen[n * heads].x);
  float sum = 0, out = 0;
  for (int n = 0; n < parts; ++n) {
    const float keep = exp2f(seen[n * heads].x - most);
    if (keep == 0) continue;  // Of no token nothing is stored.
    sum += keep * seen[n * heads].y;
    out += keep * p.sums_NRHP[n * numbers + i];
  }
  p.out_RHP[i] = out / sum;
}

template <int kOfThread, int kWidth>
const char* launch(const ContinuedAttentionParams& p) {
  constexpr int kNumbers = Shape<kOfThread, kWidth>::kNumbers;
  static_assert(Shape<1, kWidth>::kNumbers <= kNumbers, "The blocks of rows use the same room.");
  constexpr int kBytes = kNumbers * static_cast<int>(sizeof(float));
  bool aligned = p.width % 4 == 0;
  for (const float* data :
       {p.q_RHP, p.prompt_k_TGP, p.prompt_v_TGP, p.written_k_RLGP, p.written_v_RLGP}) {
    aligned = aligned && reinterpret_cast<uintptr_t>(data) % sizeof(float4) == 0;
  }
  const auto kernel = attend_kernel<kOfThread, kWidth>;
  if (const char* error = text_of(
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes))) {
    return error;
  }
  const int64_t tiles = (p.rows + p.parts.rows - 1) / p.parts.rows;
  const dim3 grid(static_cast<unsigned>(tiles * p.parts.prompt + p.rows * p.parts.written),
                  p.groups);
  kernel<<<grid, kThreads, kBytes, cuda_stream()>>>(p, aligned);
  if (const char* error = text_of(cudaGetLastError())) return error;
  const int64_t blocks = (p.rows * p.heads * p.width + kThreads - 1) / kThreads;
  merge_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

template <int kOfThread>
const char* launch_for_width(const ContinuedAttentionParams& p) {
  if (p.width <= 64) return launch<kOfThread, 64>(p);
  if (p.width <= 128) return launch<kOfThread, 128>(p);
  return launch<kOfThread, kContinuedHeadWidthMax>(p);
}

const char* forward(const ContinuedAttentionParams& p) {
  if (p.rows == 0 || p.heads == 0 || p.width == 0) return nullptr;
  if (p.parts.queries <= 8) return launch_for_width<1>(p);
  if (p.parts.queries <= 32) return launch_for_width<4>(p);
  return launch_for_width<8>(p);
}

// Loading the plug-in fills the slot.
const int kFilled = (continued_attention_cuda = {forward}, 0);

}  // namespace

}  // namespace seqsweep
