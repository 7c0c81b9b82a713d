// What the emulation is for: it computes as CUDA does, and what CUDA forbids is an error.
#include "tests/support/emulated_cuda/emulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/emulated_cuda/cuda_pipeline_primitives.h"
#include "tests/support/emulated_cuda/cuda_runtime.h"

namespace seqsweep {
namespace {

using emulated_cuda::Launch;

std::string error_of_launch() {
  return cudaGetLastError() == cudaSuccess ? "" : cudaGetErrorString(cudaErrorLaunchFailure);
}

__global__ void reverse_kernel(const int* from, int* to) {
  __shared__ int numbers[70];
  numbers[threadIdx.x] = from[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  to[blockIdx.x * blockDim.x + threadIdx.x] = numbers[blockDim.x - 1 - threadIdx.x];
}

TEST(Emulator, ThreadsMeetAtBarriers) {
  std::vector<int> from(140), to(140);
  for (int i = 0; i < 140; ++i) from[i] = i;
  Launch(reverse_kernel, 2, 70)(from.data(), to.data());
  EXPECT_EQ(error_of_launch(), "");
  for (int i = 0; i < 140; ++i) EXPECT_EQ(to[i], i / 70 * 70 + 69 - i % 70);
}

__global__ void warp_kernel(double* sums, int* up, unsigned* odd) {
  double sum = threadIdx.x;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
  sums[threadIdx.x] = sum;
  up[threadIdx.x] = __shfl_up_sync(~0U, static_cast<int>(threadIdx.x), 1);
  odd[threadIdx.x] = __ballot_sync(~0U, threadIdx.x % 2);
}

TEST(Emulator, LanesExchangeNumbers) {
  std::vector<double> sums(64);
  std::vector<int> up(64);
  std::vector<unsigned> odd(64);
  Launch(warp_kernel, 1, 64)(sums.data(), up.data(), odd.data());
  EXPECT_EQ(error_of_launch(), "");
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(sums[i], i < 32 ? 31 * 16 : 31 * 16 + 32 * 32);
    EXPECT_EQ(up[i], i % 32 == 0 ? i : i - 1);
    EXPECT_EQ(odd[i], 0xAAAAAAAAU);
  }
}

__global__ void half_waits_kernel() {
  if (threadIdx.x < 10) __syncthreads();
}
__global__ void returns_early_kernel(float* to) {
  if (threadIdx.x == 3) return;
  *to = __shfl_sync(~0U, 1.0F, 0);
}
__global__ void parts_of_warp_kernel() {
  if (threadIdx.x < 16) {
    __syncwarp();
  } else {
    __ballot_sync(~0U, 1);
  }
}

TEST(Emulator, ABarrierThatSomeNeverReachIsAnError) {
  float number;
  Launch(half_waits_kernel, 1, 64)();
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("10 at __syncthreads()"));
  Launch(returns_early_kernel, 1, 64)(&number);
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("31 where their warp is to meet; 33 have"));
  Launch(parts_of_warp_kernel, 1, 32)();
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("different calls"));
}

__global__ void reads_early_kernel(float* to) {
  float* const dynamic = emulated_cuda::dynamic_shared<float>();
  __shared__ float fixed[4];
  to[0] = dynamic[2];
  to[1] = fixed[3];
  dynamic[2] = fixed[3] = 1;
}

TEST(Emulator, SharedMemoryHoldsNaNBeforeEachBlock) {
  std::array<float, 2> read{};
  for (int i = 0; i < 2; ++i) {
    Launch(reads_early_kernel, 3, 1, 16)(read.data());
    EXPECT_EQ(error_of_launch(), "");
    EXPECT_TRUE(std::isnan(read[0]) && std::isnan(read[1]));
  }
}

__global__ void writes_behind_kernel(int at) {
  emulated_cuda::dynamic_shared<float>()[at] = 1;
}

TEST(Emulator, AWriteBehindDynamicSharedMemoryIsAnError) {
  Launch(writes_behind_kernel, 1, 1, 16)(3);
  EXPECT_EQ(error_of_launch(), "");
  Launch(writes_behind_kernel, 1, 1, 16)(4);
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("behind the 16 bytes"));
}

TEST(Emulator, LaunchesThatNoGpuTakesAreErrors) {
  Launch(writes_behind_kernel, 1, 2000, 16)(0);
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("of a size"));
  Launch(writes_behind_kernel, 0, 32, 16)(0);
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("of a size"));
  Launch(writes_behind_kernel, 1, 1, 50'000)(0);
  EXPECT_THAT(error_of_launch(), testing::HasSubstr("more dynamic shared memory"));
  cudaFuncSetAttribute(writes_behind_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 50'000);
  Launch(writes_behind_kernel, 1, 1, 50'000)(0);
  EXPECT_EQ(error_of_launch(), "");
}

// Thread 1 may or may not have written: the barrier is missing.
__global__ void races_kernel(float* to) {
  __shared__ float number;
  if (threadIdx.x == 1) number = 1;
  if (threadIdx.x == 0) *to = number;
}

TEST(Emulator, WithoutABarrierCallsDiffer) {
  int seen = 0;
  for (int i = 0; i < 20; ++i) {
    float number;
    Launch(races_kernel, 1, 2)(&number);
    seen += number == 1 ? 1 : 0;
  }
  EXPECT_GT(seen, 0);
  EXPECT_LT(seen, 20);
}

__global__ void copies_kernel(const float* from, float* to) {
  __shared__ float copy[2];
  for (int i = 0; i < 2; ++i) {
    __pipeline_memcpy_async(copy + i, from + i, sizeof(float));
    __pipeline_commit();
  }
  to[0] = copy[0];
  __pipeline_wait_prior(1);
  to[1] = copy[0];
  to[2] = copy[1];
}

TEST(Emulator, CopiesAreThereWhenTheyWereWaitedFor) {
  const std::array<float, 2> from{5, 6};
  std::array<float, 3> to{};
  Launch(copies_kernel, 1, 1)(from.data(), to.data());
  EXPECT_TRUE(std::isnan(to[0]));
  EXPECT_EQ(to[1], 5);
  EXPECT_TRUE(std::isnan(to[2]));
}

}  // namespace
}  // namespace seqsweep
