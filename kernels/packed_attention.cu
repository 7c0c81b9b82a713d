// Packed causal attention on CUDA, of float or bfloat16. A block owns a tile of rows: queries
// (forward, d_q) or keys (d_k, d_v). Its warps take the tiles of 32 columns (keys or queries) in
// turn, and are added up at the end in the order of the warps: no atomics, the same bits on every
// call. A lane computes R rows x 8 columns of a tile of products, so that a number read from shared
// memory enters many. Legend: P head width, padded with zeros to 16, 32, 64 or 128; R rows of a
// lane, 8 R of a tile.
#include "kernels/counter_random.h"
#include "kernels/cuda_launch.h"
#include "kernels/packed_attention_cuda.h"
#include "kernels/packed_attention_tiles.h"

namespace seqsweep {

namespace {

using namespace attention;

__device__ RandomKey dropout_key(const PackedAttentionParams& p, const Place& place, int query) {
  return derive(derive(random_key(p.seed), place.head), place.begin + query);
}

// What lanes read of a query, from shared memory. A forward knows the key alone.
struct alignas(16) Query {
  float log2_sum = 0, out_dot = 0;
  RandomKey dropout_key;
};

constexpr int kQueryNumbers = sizeof(Query) / sizeof(float);

template <typename S>
constexpr int kForwardOfBlock = S::kRowTile + S::kRows* kQueryNumbers;
template <typename S>
constexpr int kForwardOfWarp = S::kReusedTile + S::kColumnTile;

template <typename S>
__global__ void __launch_bounds__(kMaxThreads, 4)
    forward_kernel(PackedAttentionParams p, DropoutRule rule) {
  constexpr int kRowsOfLane = S::kRowsOfLane, kStep = kForwardOfWarp<S>;
  const Place place(p, gridDim.y - 1 - blockIdx.y, S::kRows);  // The longest walks begin first.
  if (place.first >= place.length) return;
  extern __shared__ float4 shared[];
  const Lane lane;
  float* const q = &shared[0].x;
  Query* const queries = reinterpret_cast<Query*>(q + S::kRowTile);
  float* const parts = q + kForwardOfBlock<S>;
  float* const k = parts + lane.warp * kStep;  // Then the weights.
  float* const v = k + S::kReusedTile;
  begin_load<S, S::kRows>(q, p.q, place, place.first, p.head_width, threadIdx.x, blockDim.x);

  const float scale = p.scale * kLog2E;
  float top[kRowsOfLane], sum[kRowsOfLane];  // Of scores times log2(e); a lane sums its columns.
  Sums<S> out = {};
#pragma unroll
  for (int i = 0; i < kRowsOfLane; ++i) {
    top[i] = -INFINITY;
    sum[i] = 0;
  }
  if (threadIdx.x < S::kRows) {
    queries[threadIdx.x].dropout_key = dropout_key(p, place, place.first + threadIdx.x);
  }
  end_copies();
  __syncthreads();
  // A row's first key of a tile is never behind it: 32 is a multiple of the tile's rows.
  for (int first_key = lane.warp * kColumns; first_key <= place.first;
       first_key += lane.warps * kColumns) {
    begin_load<S, kColumns>(k, p.k, place, first_key, p.head_width, lane.index, 32);
    begin_load<S, kColumns>(v, p.v, place, first_key, p.head_width, lane.index, 32);
    end_copies();
    __syncwarp();
    Products<S> weight;
    multiply<S>(q, k, lane, weight);
    const int first = first_key + lane.member;
#pragma unroll
    for (int i = 0; i < kRowsOfLane; ++i) {
      const int query = place.first + lane.group + 8 * i;
      float best = top[i];
#pragma unroll
      for (int j = 0; j < kColumnsOfLane; ++j) {
        weight[i][j] = first + 4 * j <= query ? weight[i][j] * scale : -INFINITY;
        best = fmaxf(best, weight[i][j]);
      }
      best = most_of_row(best);
      const float kept = exp2f(top[i] - best);
      top[i] = best;
      sum[i] *= kept;
#pragma unroll
      for (int j = 0; j < kColumnsOfLane; ++j) {
        weight[i][j] = exp2f(weight[i][j] - best);
        sum[i] += weight[i][j];
      }
#pragma unroll
      for (int j = 0; j < S::kOfLane; ++j) out[i][j] *= kept;
    }
    if (rule.threshold > 0) {
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) {
        const RandomKey key = queries[lane.group + 8 * i].dropout_key;
#pragma unroll
        for (int j = 0; j < kColumnsOfLane; ++j) {
          weight[i][j] *= rule.factor(key, first + 4 * j);
        }
      }
    }
    __syncwarp();
    write<S>(weight, lane, k);
    __syncwarp();
    accumulate<S>(k, v, lane, out);
    __syncwarp();
  }

  write_part<S>(out, lane, v);
#pragma unroll
  for (int i = 0; i < kRowsOfLane; ++i) {
    const int row = lane.group + 8 * i;
    const float total = sum_of_row(sum[i]);
    if (lane.member != 0) continue;
    k[row] = top[i];
    k[S::kRows + row] = total;
  }
  __syncthreads();
  for (int row = threadIdx.x; row < S::kRows; row += blockDim.x) {
    float best = parts[row], total = 0;
    for (int w = 1; w < lane.warps; ++w) best = fmaxf(best, parts[w * kStep + row]);
    for (int w = 0; w < lane.warps; ++w) {
      float* const of_warp = parts + w * kStep + row;
      of_warp[0] = exp2f(of_warp[0] - best);
      total += of_warp[0] * of_warp[S::kRows];
    }
    for (int w = 0; w < lane.warps; ++w) parts[w * kStep + row] /= total;
    const int query = place.first + row;
    if (query < place.length) p.log_sum_TH[place.row(p, query)] = best * kLn2 + logf(total);
  }
  __syncthreads();
  store<S>(parts + S::kReusedTile, kStep, p.out, place, p.head_width, lane,
           [&](int warp, int row) { return parts[warp * kStep + row]; });
}

// Gives weight and gradient of a score, from q.k and d_out.v, as weight and d_weight.
__device__ void differentiate(float& weight, float& d_weight, const Query& query, bool visible,
                              float scale, const DropoutRule& rule, int key) {
  const float factor = rule.threshold > 0 ? rule.factor(query.dropout_key, key) : 1;
  const float plain = visible ? exp2f(weight * scale - query.log2_sum) : 0;
  d_weight = plain * (d_weight * factor - query.out_dot);
  weight = plain * factor;
}

template <typename S>
constexpr int kDQueriesOfBlock = 2 * S::kRowTile + S::kRows* kQueryNumbers;
template <typename S>
constexpr int kDQueriesOfWarp = S::kColumnTile + S::kReusedTile;

// Also finds out . d_out of each query, for d_keys_kernel.
template <typename S>
__global__ void __launch_bounds__(kMaxThreads, 3)
    d_queries_kernel(PackedAttentionParams p, DropoutRule rule) {
  constexpr int kRowsOfLane = S::kRowsOfLane, kStep = kDQueriesOfWarp<S>;
  const Place place(p, gridDim.y - 1 - blockIdx.y, S::kRows);
  if (place.first >= place.length) return;
  extern __shared__ float4 shared[];
  const Lane lane;
  float* const q = &shared[0].x;
  float* const d_out = q + S::kRowTile;
  Query* const queries = reinterpret_cast<Query*>(d_out + S::kRowTile);
  float* const parts = q + kDQueriesOfBlock<S>;
  float* const k = parts + lane.warp * kStep;
  float* const v = k + S::kColumnTile;  // Then the gradients of the scores.
  begin_load<S, S::kRows>(q, p.q, place, place.first, p.head_width, threadIdx.x, blockDim.x);
  begin_load<S, S::kRows>(d_out, p.d_out, place, place.first, p.head_width, threadIdx.x,
                          blockDim.x);
  end_copies();
  __syncthreads();

  for (int row = threadIdx.x / 4; row < S::kRows; row += blockDim.x / 4) {
    const int token = place.first + row;
    const bool real = token < place.length;
    Query query;
    if (real) {
      query.log2_sum = p.log_sum_TH[place.row(p, token)] * kLog2E;
      const auto* out =
          static_cast<const typename S::Number*>(p.out.data) + place.number(p.out, token);
      for (int column = lane.member; column < p.head_width; column += 4) {
        query.out_dot += load(out + column) * d_out[row * S::kStride + column];
      }
    }
    query.out_dot = sum_of_row(query.out_dot);
    query.dropout_key = dropout_key(p, place, token);
    if (lane.member != 0) continue;
    queries[row] = query;
    if (real) p.out_dot_TH[place.row(p, token)] = query.out_dot;
  }
  __syncthreads();
  Sums<S> d_q = {};
  for (int first_key = lane.warp * kColumns; first_key <= place.first;
       first_key += lane.warps * kColumns) {
    begin_load<S, kColumns>(k, p.k, place, first_key, p.head_width, lane.index, 32);
    begin_load<S, kColumns>(v, p.v, place, first_key, p.head_width, lane.index, 32);
    end_copies();
    __syncwarp();
    Products<S> weight, d_weight;
    multiply<S>(q, k, lane, weight);
    multiply<S>(d_out, v, lane, d_weight);
#pragma unroll
    for (int i = 0; i < kRowsOfLane; ++i) {
      const int row = lane.group + 8 * i;
      const Query query = queries[row];
#pragma unroll
      for (int j = 0; j < kColumnsOfLane; ++j) {
        const int key = first_key + lane.member + 4 * j;
        differentiate(weight[i][j], d_weight[i][j], query, key <= place.first + row,
                      p.scale * kLog2E, rule, key);
      }
    }
    __syncwarp();
    write<S>(d_weight, lane, v);
    __syncwarp();
    accumulate<S>(v, k, lane, d_q);
    __syncwarp();
  }
  write_part<S>(d_q, lane, k);
  __syncthreads();
  store<S>(parts, kStep, p.d_q, place, p.head_width, lane, [&](int, int) { return p.scale; });
}

template <typename S>
constexpr int kDKeysOfWarp = 2 * S::kColumnTile + S::kWeights + kColumns* kQueryNumbers;

template <typename S>
__global__ void __launch_bounds__(kMaxThreads, 3)
    d_keys_kernel(PackedAttentionParams p, DropoutRule rule) {
  constexpr int kRowsOfLane = S::kRowsOfLane, kStep = kDKeysOfWarp<S>;
  const Place place(p, blockIdx.y, S::kRows);
  if (place.first >= place.length) return;
  extern __shared__ float4 shared[];
  const Lane lane;
  float* const k = &shared[0].x;
  float* const v = k + S::kRowTile;
  float* const parts = v + S::kRowTile;
  float* const q = parts + lane.warp * kStep;
  float* const d_out = q + S::kColumnTile;
  float* const weights = d_out + S::kColumnTile;
  Query* const queries = reinterpret_cast<Query*>(weights + S::kWeights);
  begin_load<S, S::kRows>(k, p.k, place, place.first, p.head_width, threadIdx.x, blockDim.x);
  begin_load<S, S::kRows>(v, p.v, place, place.first, p.head_width, threadIdx.x, blockDim.x);
  end_copies();
  __syncthreads();

  Sums<S> d_k = {}, d_v = {};
  for (int first_query = place.first + lane.warp * kColumns; first_query < place.length;
       first_query += lane.warps * kColumns) {
    begin_load<S, kColumns>(q, p.q, place, first_query, p.head_width, lane.index, 32);
    begin_load<S, kColumns>(d_out, p.d_out, place, first_query, p.head_width, lane.index, 32);
    const int token = first_query + lane.index;
    Query own;
    if (token < place.length) {
      own.log2_sum = p.log_sum_TH[place.row(p, token)] * kLog2E;
      own.out_dot = p.out_dot_TH[place.row(p, token)];
    }
    own.dropout_key = dropout_key(p, place, token);
    queries[lane.index] = own;
    end_copies();
    __syncwarp();
    Products<S> weight, d_weight;
    multiply<S>(k, q, lane, weight);
    multiply<S>(v, d_out, lane, d_weight);
#pragma unroll
    for (int j = 0; j < kColumnsOfLane; ++j) {
      const int column = lane.member + 4 * j;
      const Query query = queries[column];
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) {
        const int key = place.first + lane.group + 8 * i;
        differentiate(weight[i][j], d_weight[i][j], query, key <= first_query + column,
                      p.scale * kLog2E, rule, key);
      }
    }
    write<S>(weight, lane, weights);
    __syncwarp();
    accumulate<S>(weights, d_out, lane, d_v);
    __syncwarp();
    write<S>(d_weight, lane, weights);
    __syncwarp();
    accumulate<S>(weights, q, lane, d_k);
    __syncwarp();
  }
  write_part<S>(d_k, lane, q);
  write_part<S>(d_v, lane, d_out);
  __syncthreads();
  store<S>(parts, kStep, p.d_k, place, p.head_width, lane, [&](int, int) { return p.scale; });
  store<S>(parts + S::kColumnTile, kStep, p.d_v, place, p.head_width, lane,
           [](int, int) { return 1.0F; });
}

using Kernel = void (*)(PackedAttentionParams, DropoutRule);

template <typename S>
const char* launch(Kernel kernel, const PackedAttentionParams& p, int numbers, int of_warp) {
  const int64_t tiles_of_columns = (p.max_length + kColumns - 1) / kColumns;
  const int warps =
      static_cast<int>(tiles_of_columns < S::kMaxWarps ? tiles_of_columns : S::kMaxWarps);
  const int bytes = (numbers + warps * of_warp) * static_cast<int>(sizeof(float));
  const dim3 grid(p.sequences, (p.max_length + S::kRows - 1) / S::kRows, p.heads);
  cudaError_t error = cudaSuccess;
  if (bytes > 48 * 1024) {
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  }
  if (error == cudaSuccess) {
    kernel<<<grid, warps * 32, bytes, cuda_stream()>>>(p, DropoutRule(p.dropout));
    error = cudaGetLastError();
  }
  return text_of(error);
}

// Few tokens: smaller tiles, so that more multiprocessors work.
template <typename T, int P, int R, typename Run>
const char* with_rows(const PackedAttentionParams& p, Run run) {
  constexpr int kFewBlocks = 128;
  const int64_t blocks = p.sequences * p.heads * ((p.max_length + 8 * R - 1) / (8 * R));
  return blocks < kFewBlocks ? run(Shape<T, P, 1>()) : run(Shape<T, P, R>());
}

template <typename T, typename Run>
const char* with_shape_of(const PackedAttentionParams& p, Run run) {
  if (p.sequences == 0 || p.max_length == 0 || p.tokens == 0) return nullptr;
  if (p.head_width > 128) return "heads wider than 128 are not supported";
  if (p.head_width > 64) return run(Shape<T, 128, 1>());
  if (p.head_width > 32) return with_rows<T, 64, 2>(p, run);
  if (p.head_width > 16) return with_rows<T, 32, 4>(p, run);
  return with_rows<T, 16, 4>(p, run);
}

template <typename Run>
const char* with_shape(const PackedAttentionParams& p, Run run) {
  return p.bf16 ? with_shape_of<Bfloat16>(p, run) : with_shape_of<float>(p, run);
}

const char* forward(const PackedAttentionParams& p) {
  return with_shape(p, [&](auto shape) {
    using S = decltype(shape);
    return launch<S>(forward_kernel<S>, p, kForwardOfBlock<S>, kForwardOfWarp<S>);
  });
}

const char* backward(const PackedAttentionParams& p) {
  return with_shape(p, [&](auto shape) {
    using S = decltype(shape);
    const char* error = launch<S>(d_queries_kernel<S>, p, kDQueriesOfBlock<S>, kDQueriesOfWarp<S>);
    if (error != nullptr) return error;
    return launch<S>(d_keys_kernel<S>, p, 2 * S::kRowTile, kDKeysOfWarp<S>);
  });
}

// Loading the plug-in fills the slot.
const int kFilled = (packed_attention_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
