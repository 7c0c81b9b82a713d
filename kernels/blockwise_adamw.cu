// Block-wise AdamW on CUDA: a thread is a number, a block of threads one of states. No atomics: the
// same bits on every call.
#include "kernels/blockwise_adamw_cuda.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

constexpr int kBlock = 256, kCodes = 256, kWarps = kBlock / 32;

// The largest of all threads' numbers, in each of them. `room` may be used again after a barrier.
__device__ float largest(float x, float (&room)[kWarps]) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(~0U, x, step));
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  __syncthreads();
  x = room[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) x = fmaxf(x, room[warp]);
  return x;
}

// How many of the 255 middles of neighbours lie below x.
__device__ uint8_t nearest(const float (&codebook)[kCodes], float x) {
  int below = 0;
#pragma unroll
  for (int step = kCodes / 2; step > 0; step /= 2) {
    const float middle = (codebook[below + step - 1] + codebook[below + step]) / 2;
    below += middle < x ? step : 0;
  }
  return static_cast<uint8_t>(below);
}

__global__ void __launch_bounds__(kBlock) step_kernel(BlockwiseAdamWParams p) {
  __shared__ float mean_codebook[kCodes], square_codebook[kCodes];
  __shared__ float mean_room[kWarps], square_room[kWarps];
  mean_codebook[threadIdx.x] = p.mean_codebook[threadIdx.x];
  square_codebook[threadIdx.x] = p.square_codebook[threadIdx.x];
  __syncthreads();
  const int64_t block = blockIdx.x, i = block * kBlock + threadIdx.x;
  const bool real = i < p.size;
  float mean = 0, square = 0;
  if (real) {
    const float g = p.gradients[i];
    mean = p.beta1 * mean_codebook[p.mean_codes[i]] * p.mean_scales[block] + (1 - p.beta1) * g;
    square = p.beta2 * square_codebook[p.square_codes[i]] * p.square_scales[block] +
             (1 - p.beta2) * g * g;
    const float root = sqrtf(square) * p.correction + p.eps;
    p.values[i] = p.values[i] * p.shrink - p.length * mean / root;
  }
  const float mean_scale =
      largest(fabsf(mean), mean_room);  // Its barrier is after the scales' use.
  const float square_scale = largest(square, square_room);
  if (real) {
    p.mean_codes[i] = nearest(mean_codebook, mean_scale > 0 ? mean / mean_scale : 0);
    p.square_codes[i] = nearest(square_codebook, square_scale > 0 ? square / square_scale : 0);
  }
  if (threadIdx.x == 0) {
    p.mean_scales[block] = mean_scale;
    p.square_scales[block] = square_scale;
  }
}

const char* step(const BlockwiseAdamWParams& p) {
  if (p.size == 0) return nullptr;
  step_kernel<<<(p.size + kBlock - 1) / kBlock, kBlock, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (blockwise_adamw_cuda = {step}, 0);

}  // namespace

}  // namespace seqsweep
