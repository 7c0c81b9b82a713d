// Numbers of tensors in float or bfloat16, as kernels read and write them: in registers and in
// shared memory all are float, so that every sum is. Only for .cu files.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace seqsweep {

using Bfloat16 = __nv_bfloat16;

__device__ inline float load(const float* from) {
  return *from;
}
__device__ inline float load(const Bfloat16* from) {
  return __bfloat162float(*from);
}
__device__ inline void store(float* to, float x) {
  *to = x;
}
__device__ inline void store(Bfloat16* to, float x) {
  *to = __float2bfloat16(x);
}

// Four at once: see begins_four().
__device__ inline float4 load_four(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}
__device__ inline float4 load_four(const Bfloat16* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  return {__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xFFFF0000U),
          __uint_as_float(bits.y << 16), __uint_as_float(bits.y & 0xFFFF0000U)};
}
__device__ inline void store_four(float* to, float4 four) {
  *reinterpret_cast<float4*>(to) = four;
}
__device__ inline unsigned bits_of_two(float low, float high) {
  return __bfloat16_as_ushort(__float2bfloat16(low)) |
         static_cast<unsigned>(__bfloat16_as_ushort(__float2bfloat16(high))) << 16;
}
__device__ inline void store_four(Bfloat16* to, float4 four) {
  *reinterpret_cast<uint2*>(to) = {bits_of_two(four.x, four.y), bits_of_two(four.z, four.w)};
}

// Whether four begin there.
template <typename T>
__host__ __device__ bool begins_four(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % (4 * sizeof(T)) == 0;
}

}  // namespace seqsweep
