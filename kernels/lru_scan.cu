// The linear recurrence on CUDA, of float or bfloat16. A thread is one channel of one sequence and
// keeps its state in registers; it reads some tokens ahead, since only the products wait for each
// other. No atomics: the same bits on every call.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/lru_scan_cuda.h"

namespace seqsweep {

namespace {

constexpr int kChannelsABlock = 64, kAhead = 8;  // Tokens whose loads are under way at once.

struct Complex {
  float real = 0, imaginary = 0;
};

__device__ Complex multiply_add(Complex a, Complex b, Complex c) {
  return {a.real * b.real - a.imaginary * b.imaginary + c.real,
          a.real * b.imaginary + a.imaginary * b.real + c.imaginary};
}
__device__ Complex conjugate(Complex a) {
  return {a.real, -a.imaginary};
}

// One channel of rows of 2 E numbers.
struct Column {
  int channels, channel;
  template <typename T = float>
  __device__ Complex read(const void* rows, int64_t row) const {
    const T* at = static_cast<const T*>(rows) + row * 2 * channels + channel;
    return {load(at), load(at + channels)};
  }
  template <typename T = float>
  __device__ void write(void* rows, int64_t row, Complex value) const {
    T* at = static_cast<T*>(rows) + row * 2 * channels + channel;
    store(at, value.real);
    store(at + channels, value.imaginary);
  }
};

template <typename T>
__global__ void __launch_bounds__(kChannelsABlock) forward_kernel(LruScanParams p) {
  const int64_t sequence = blockIdx.x;
  const Column column{p.channels, static_cast<int>(blockIdx.y * kChannelsABlock + threadIdx.x)};
  if (column.channel >= p.channels) return;
  const int64_t begin = p.offsets[sequence], end = p.offsets[sequence + 1];
  const Complex lambda = column.read(p.lambda_2E, 0);
  Complex h = p.state_SE2 != nullptr ? column.read(p.state_SE2, sequence) : Complex{};
  for (int64_t first = begin; first < end; first += kAhead) {
    Complex x[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (first + i < end) x[i] = column.read<T>(p.x_TE2, first + i);
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (first + i >= end) break;
      h = multiply_add(lambda, h, x[i]);
      if (p.h_TE2 != nullptr) column.write<T>(p.h_TE2, first + i, h);
    }
  }
  if (p.state_SE2 != nullptr) column.write(p.state_SE2, sequence, h);
}

template <typename T>
__global__ void __launch_bounds__(kChannelsABlock) backward_kernel(LruScanParams p) {
  const int64_t sequence = blockIdx.x;
  const Column column{p.channels, static_cast<int>(blockIdx.y * kChannelsABlock + threadIdx.x)};
  if (column.channel >= p.channels) return;
  const int64_t begin = p.offsets[sequence], end = p.offsets[sequence + 1];
  const Complex back = conjugate(column.read(p.lambda_2E, 0));
  Complex g, d_lambda;
  for (int64_t last = end - 1; last >= begin; last -= kAhead) {
    Complex d_h[kAhead], before[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (last - i >= begin) d_h[i] = column.read<T>(p.d_h_TE2, last - i);
      if (last - i > begin) before[i] = column.read<T>(p.h_TE2, last - i - 1);
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (last - i < begin) break;
      g = multiply_add(back, g, d_h[i]);
      column.write<T>(p.d_x_TE2, last - i, g);
      d_lambda = multiply_add(conjugate(before[i]), g, d_lambda);
    }
  }
  column.write(p.d_lambda_S2E, sequence, d_lambda);
}

const char* launch(void (*kernel)(LruScanParams), const LruScanParams& p) {
  if (p.sequences == 0) return nullptr;
  const dim3 grid(p.sequences, (p.channels + kChannelsABlock - 1) / kChannelsABlock);
  kernel<<<grid, kChannelsABlock, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

const char* forward(const LruScanParams& p) {
  return launch(p.bf16 ? forward_kernel<Bfloat16> : forward_kernel<float>, p);
}
const char* backward(const LruScanParams& p) {
  return launch(p.bf16 ? backward_kernel<Bfloat16> : backward_kernel<float>, p);
}

// Loading the plug-in fills the slot.
const int kFilled = (lru_scan_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
