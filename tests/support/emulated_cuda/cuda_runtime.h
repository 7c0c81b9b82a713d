// Stands in for CUDA's header of this name where g++ compiles kernels/*.cu
// (cmake/EmulatedCuda.cmake): what they use of it, and no more.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/support/emulated_cuda/emulator.h"

using std::isnan;

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
// One section, so that the emulator can fill all of it before each block.
#define __shared__ static __attribute__((section("emulated_shared")))

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

template <typename A, typename B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  return b < a ? b : a;
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  return a < b ? b : a;
}

inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
inline int __popc(unsigned x) {
  return std::popcount(x);
}

inline void __syncthreads() {
  emulated_cuda::wait_for_block();
}
inline void __syncwarp(unsigned mask = ~0U) {
  emulated_cuda::meet_warp(emulated_cuda::WarpCall::Sync, mask, 0);
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int source) {
  return emulated_cuda::exchange(mask, value, source);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int flip) {
  return emulated_cuda::exchange(mask, value, emulated_cuda::lane() ^ flip);
}
// Lanes without a source keep what they have.
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int by) {
  const int lane = emulated_cuda::lane();
  return emulated_cuda::exchange(mask, value, lane >= by ? lane - by : lane);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int by) {
  const int lane = emulated_cuda::lane(), source = lane + by;
  return emulated_cuda::exchange(mask, value, source < emulated_cuda::kWarpSize ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int vote) {
  const uint64_t* votes =
      emulated_cuda::meet_warp(emulated_cuda::WarpCall::Vote, mask, vote != 0 ? 1 : 0);
  unsigned all = 0;
  for (int i = 0; i < emulated_cuda::kWarpSize; ++i) all |= static_cast<unsigned>(votes[i]) << i;
  return all;
}
inline int __any_sync(unsigned mask, int vote) {
  return __ballot_sync(mask, vote) != 0;
}

// ---- the host's side ----

enum cudaError_t { cudaSuccess, cudaErrorLaunchFailure };
using cudaStream_t = void*;
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

namespace emulated_cuda {
inline const char* last_error_text = nullptr;
}

inline cudaError_t cudaGetLastError() {
  emulated_cuda::last_error_text = emulated_cuda::take_error();
  return emulated_cuda::last_error_text == nullptr ? cudaSuccess : cudaErrorLaunchFailure;
}
inline const char* cudaGetErrorString(cudaError_t) {
  return emulated_cuda::last_error_text;
}
template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel* kernel, cudaFuncAttribute, int bytes) {
  emulated_cuda::allow_shared_bytes(reinterpret_cast<const void*>(kernel), bytes);
  return cudaGetLastError();
}
