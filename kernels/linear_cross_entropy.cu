// Softmax cross entropy on CUDA, of float with gradients in float or bfloat16, between the
// products: a block a row. One pass over the scores finds their maximum and the sum of
// exponentials, a second turns them into gradients. Sums run in one order: the same bits on every
// call. Legend: R rows, V items.
#include <cfloat>

#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/linear_cross_entropy_cuda.h"

namespace seqsweep {

namespace {

// Below this many items a large block would have idle threads.
constexpr int kItemsOfLargeBlock = 16384;

// sum times e^most is the sum of the exponentials so far.
struct Exponentials {
  float most = -FLT_MAX, sum = 0;

  __device__ void rescale(float most_of_more) {
    const float now = fmaxf(most, most_of_more);
    sum *= expf(most - now);
    most = now;
  }
  __device__ void add(const float (&scores)[4]) {
    const float most_of_four = fmaxf(fmaxf(scores[0], scores[1]), fmaxf(scores[2], scores[3]));
    if (!(most_of_four <= most)) rescale(most_of_four);
    sum += (expf(scores[0] - most) + expf(scores[1] - most)) +
           (expf(scores[2] - most) + expf(scores[3] - most));
  }
  __device__ void add(float other_most, float other_sum) {
    rescale(other_most);
    sum += other_sum * expf(other_most - most);
  }
};

// The scores of items [v, v + 4), v a multiple of 4, with bias; beyond the items -inf.
__device__ void read_four(const CrossEntropyRowsParams& p, const float* row, int v, bool wide_bias,
                          float (&scores)[4]) {
  const float4 four = *reinterpret_cast<const float4*>(row + v);
  scores[0] = four.x, scores[1] = four.y, scores[2] = four.z, scores[3] = four.w;
  if (v + 4 <= p.items && wide_bias) {
    const float4 bias = *reinterpret_cast<const float4*>(p.bias_V + v);
    scores[0] += bias.x, scores[1] += bias.y, scores[2] += bias.z, scores[3] += bias.w;
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (v + i >= p.items) {
      scores[i] = -INFINITY;
    } else if (p.bias_V != nullptr) {
      scores[i] += p.bias_V[v + i];
    }
  }
}

template <typename T, int kThreads>
__global__ void __launch_bounds__(kThreads) differentiate_rows_kernel(CrossEntropyRowsParams p) {
  __shared__ float most_of_warp[kThreads / 32], sum_of_warp[kThreads / 32];
  const int64_t r = blockIdx.x;
  const float* const row = p.scores_RV + r * p.pitch;
  const bool wide_bias = p.bias_V != nullptr && reinterpret_cast<uintptr_t>(p.bias_V) % 16 == 0;
  const int first = static_cast<int>(threadIdx.x) * 4;
  Exponentials all;
#pragma unroll 4
  for (int v = first; v < p.items; v += kThreads * 4) {
    float scores[4];
    read_four(p, row, v, wide_bias, scores);
    all.add(scores);
  }
  for (int step = 16; step > 0; step /= 2) {
    const float most = __shfl_down_sync(~0U, all.most, step);
    const float sum = __shfl_down_sync(~0U, all.sum, step);
    all.add(most, sum);
  }
  if (threadIdx.x % 32 == 0) {
    most_of_warp[threadIdx.x / 32] = all.most;
    sum_of_warp[threadIdx.x / 32] = all.sum;
  }
  __syncthreads();
  all = {};
  for (int w = 0; w < kThreads / 32; ++w) all.add(most_of_warp[w], sum_of_warp[w]);
  const bool exists = 0 <= p.targets_R[r] && p.targets_R[r] < p.items;
  const int target = exists ? static_cast<int>(p.targets_R[r]) : -1;
  if (threadIdx.x == 0) {
    float score = exists ? row[target] : NAN;
    if (exists && p.bias_V != nullptr) score += p.bias_V[target];
    p.losses_R[r] = logf(all.sum) + (all.most - score);
  }
  if (p.gradients_RV == nullptr) return;
  T* const gradients = static_cast<T*>(p.gradients_RV) + r * p.pitch;
  __syncthreads();  // The target's score has been read.
  const float share = 1 / all.sum;
#pragma unroll 4
  for (int v = first; v < p.items; v += kThreads * 4) {
    float d[4];
    read_four(p, row, v, wide_bias, d);
#pragma unroll
    for (int i = 0; i < 4; ++i) d[i] = expf(d[i] - all.most) * share - (v + i == target ? 1 : 0);
    store_four(gradients + v, {d[0], d[1], d[2], d[3]});
  }
}

template <typename T>
const char* differentiate_rows_of(const CrossEntropyRowsParams& p) {
  if (p.rows == 0) return nullptr;
  const auto stream = cuda_stream();
  const auto rows = static_cast<unsigned>(p.rows);
  if (p.items < kItemsOfLargeBlock) {
    differentiate_rows_kernel<T, 256><<<rows, 256, 0, stream>>>(p);
  } else {
    differentiate_rows_kernel<T, 1024><<<rows, 1024, 0, stream>>>(p);
  }
  return text_of(cudaGetLastError());
}

const char* differentiate_rows(const CrossEntropyRowsParams& p) {
  return p.bf16 ? differentiate_rows_of<Bfloat16>(p) : differentiate_rows_of<float>(p);
}

// Loading the plug-in fills the slot.
const int kFilled = (linear_cross_entropy_cuda = {differentiate_rows}, 0);

}  // namespace

}  // namespace seqsweep
