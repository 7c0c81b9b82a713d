// The end of a recommender's layer for few rows on CUDA, float32: a block a row, all in shared
// memory. One launch where the parts are nine.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_rows.h"
#include "kernels/norm_and_feed_forward_cuda.h"

namespace seqsweep {

namespace {

__device__ float gelu(float x) {
  return 0.5F * x * (1 + erff(x * 0.70710678F));
}

__global__ void __launch_bounds__(kRowThreads) forward_kernel(NormAndFeedForwardParams p) {
  extern __shared__ float4 shared[];
  const int padded = (p.width + 3) / 4 * 4;
  float* const y = reinterpret_cast<float*>(shared);
  float* const hidden = y + padded;
  const int64_t row = int64_t(blockIdx.x) * p.width;
  const bool first_warp = threadIdx.x < 32;
  if (first_warp) {
    for (int i = threadIdx.x; i < p.width; i += 32) {
      y[i] = p.x_RD[row + i] + (p.added_RD != nullptr ? p.added_RD[row + i] : 0);
    }
    __syncwarp();
    layer_norm_of_row(y, p.first_norm_weight, p.first_norm_bias, p.width, p.eps, y);
  }
  __syncthreads();
  multiply_row(p.up_weight, p.inner, p.width, y,
               [&](int f, float sum) { hidden[f] = gelu(sum + p.up_bias[f]); });
  __syncthreads();
  multiply_row(p.down_weight, p.width, p.inner, hidden,
               [&](int d, float sum) { y[d] += sum + p.down_bias[d]; });
  __syncthreads();
  if (!first_warp) return;
  layer_norm_of_row(y, p.second_norm_weight, p.second_norm_bias, p.width, p.eps, p.out_RD + row);
}

const char* forward(const NormAndFeedForwardParams& p) {
  if (p.rows == 0) return nullptr;
  const int numbers = (p.width + 3) / 4 * 4 + p.inner;
  const int bytes = numbers * static_cast<int>(sizeof(float));
  cudaError_t error =
      cudaFuncSetAttribute(forward_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess) {
    forward_kernel<<<static_cast<unsigned>(p.rows), kRowThreads, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

// Loading the plug-in fills the slot.
const int kFilled = (norm_and_feed_forward_cuda = {forward}, 0);

}  // namespace

}  // namespace seqsweep
