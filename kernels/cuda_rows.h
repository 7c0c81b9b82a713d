// What kernels that work on few rows share: sums over a warp, LayerNorm, products of a matrix with
// a row in shared memory. Only for .cu files.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace seqsweep {

constexpr int kRowThreads = 256, kRowWarps = kRowThreads / 32;

__device__ inline float sum_of_lanes(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

__device__ inline float sigmoid_of(float x) {
  return 1 / (1 + expf(-x));
}

// LayerNorm by one warp; in place where `to` is `from`.
__device__ inline void layer_norm_of_row(const float* from, const float* weight, const float* bias,
                                         int width, float eps, float* to) {
  const int lane = threadIdx.x % 32;
  float sum = 0, square = 0;
  for (int i = lane; i < width; i += 32) sum += from[i];
  const float mean = sum_of_lanes(sum) / width;
  for (int i = lane; i < width; i += 32) square += (from[i] - mean) * (from[i] - mean);
  const float scale = rsqrtf(sum_of_lanes(square) / width + eps);
  for (int i = lane; i < width; i += 32) to[i] = (from[i] - mean) * scale * weight[i] + bias[i];
}

// write(r, matrix[r] . row) for r < rows, by a block of kRowThreads threads: eight lanes a product,
// which read neighbouring numbers. Threads keep their r in every call with as many rows.
template <typename Write>
__device__ void multiply_row(const float* matrix, int rows, int width, const float* row,
                             Write write) {
  constexpr int kLanes = 8;
  const int lane = threadIdx.x % kLanes;
  const bool fours = width % 4 == 0 && reinterpret_cast<uintptr_t>(matrix) % 16 == 0;
  for (int first = 0; first < rows; first += kRowThreads / kLanes) {
    const int r = first + static_cast<int>(threadIdx.x) / kLanes;
    float sum = 0;
    if (r < rows && fours) {
      const auto* m = reinterpret_cast<const float4*>(matrix + int64_t(r) * width);
      const auto* x = reinterpret_cast<const float4*>(row);
      for (int i = lane; i < width / 4; i += kLanes) {
        sum += m[i].x * x[i].x + m[i].y * x[i].y + m[i].z * x[i].z + m[i].w * x[i].w;
      }
    } else if (r < rows) {
      const float* m = matrix + int64_t(r) * width;
      for (int i = lane; i < width; i += kLanes) sum += m[i] * row[i];
    }
    for (int step = kLanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
    if (lane == 0 && r < rows) write(r, sum);
  }
}

}  // namespace seqsweep
