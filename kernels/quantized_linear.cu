// Weights in few bits on CUDA, eight numbers a thread: read into float or bfloat16, for cuBLAS to
// multiply by; or, for few rows of x, multiplied as they are, a warp an output.
#include <cuda_bf16.h>

#include "kernels/cuda_launch.h"
#include "kernels/quantized_linear_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kNf4Block = 64, kScaleBlock = 256, kWarp = 32;

// Numbers `at` to `at` + 7 of the weight, a multiple of 8 that leaves so many.
struct Int8Reader {
  __device__ explicit Int8Reader(const ReadWeightParams&) {}

  __device__ void read(const ReadWeightParams& p, int64_t at, float (&into)[kWeightsAtOnce]) const {
    const int2 bytes = *reinterpret_cast<const int2*>(p.int8_codes + at);
    int64_t row = at / p.inputs, column = at % p.inputs;
    for (int i = 0; i < kWeightsAtOnce; ++i, ++column) {
      if (column == p.inputs) ++row, column = 0;
      const int four = i < 4 ? bytes.x : bytes.y;
      into[i] = float(static_cast<int8_t>(four >> 8 * (i % 4))) * p.int8_scales[row];
    }
  }
  __device__ float number(const ReadWeightParams& p, int64_t at) const {
    return float(p.int8_codes[at]) * p.int8_scales[at / p.inputs];
  }
};

struct Nf4Reader {
  const float* numbers;  // In shared memory: lanes look up different ones.

  __device__ explicit Nf4Reader(const ReadWeightParams& p) {
    __shared__ float shared[16];
    if (threadIdx.x < 16) shared[threadIdx.x] = p.nf4_numbers[threadIdx.x];
    __syncthreads();
    numbers = shared;
  }

  __device__ static float scale(const ReadWeightParams& p, int64_t block) {
    return p.scale_map[p.nf4_scales[block]] * p.scale_blocks[block / kScaleBlock] +
           p.scale_blocks[p.last_scale_block];
  }
  __device__ void read(const ReadWeightParams& p, int64_t at, float (&into)[kWeightsAtOnce]) const {
    const uint32_t bytes = *reinterpret_cast<const uint32_t*>(p.nf4_codes + at / 2);
    const float of_block = scale(p, at / kNf4Block);
    for (int i = 0; i < kWeightsAtOnce; ++i) {
      const int shift = 8 * (i / 2) + (i % 2 == 0 ? 4 : 0);
      into[i] = numbers[bytes >> shift & 15] * of_block;
    }
  }
  __device__ float number(const ReadWeightParams& p, int64_t at) const {
    const int byte = p.nf4_codes[at / 2];
    return numbers[at % 2 == 0 ? byte >> 4 : byte & 15] * scale(p, at / kNf4Block);
  }
};

__device__ void convert(float x, float& to) {
  to = x;
}
__device__ void convert(float x, __nv_bfloat16& to) {
  to = __float2bfloat16(x);
}

template <typename Number>
struct alignas(16) Eight {
  Number numbers[kWeightsAtOnce];
};

template <typename Reader, typename Number>
__global__ void read_kernel(const __grid_constant__ ReadWeightParams p, Number* out) {
  const Reader reader(p);
  const int64_t at = (int64_t(blockIdx.x) * kThreads + threadIdx.x) * kWeightsAtOnce;
  const int64_t left = p.outputs * p.inputs - at;
  if (left >= kWeightsAtOnce) {
    float numbers[kWeightsAtOnce];
    reader.read(p, at, numbers);
    Eight<Number> eight;
    for (int i = 0; i < kWeightsAtOnce; ++i) convert(numbers[i], eight.numbers[i]);
    *reinterpret_cast<Eight<Number>*>(out + at) = eight;
  } else {
    for (int64_t i = at; i < at + left; ++i) convert(reader.number(p, i), out[i]);
  }
}

// y[row] of one row of x, an output a warp.
template <typename Reader>
__global__ void multiply_few_kernel(const __grid_constant__ ReadWeightParams p) {
  const Reader reader(p);
  const int lane = threadIdx.x % kWarp;
  const int64_t output = int64_t(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  if (output >= p.outputs) return;
  const float* x = p.x_RI + blockIdx.y * p.inputs;
  float sum = 0;
  for (int64_t i = lane * kWeightsAtOnce; i < p.inputs; i += kWarp * kWeightsAtOnce) {
    float numbers[kWeightsAtOnce];
    reader.read(p, output * p.inputs + i, numbers);
    const Eight<float> of_x = *reinterpret_cast<const Eight<float>*>(x + i);
    for (int j = 0; j < kWeightsAtOnce; ++j) sum += numbers[j] * of_x.numbers[j];
  }
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
  if (lane == 0) p.y_RO[blockIdx.y * p.outputs + output] = sum;
}

template <typename Reader>
void launch_read(const ReadWeightParams& p) {
  constexpr int64_t kOfBlock = kThreads * kWeightsAtOnce;
  const auto blocks = static_cast<unsigned>((p.outputs * p.inputs + kOfBlock - 1) / kOfBlock);
  if (p.out_OI != nullptr) {
    read_kernel<Reader, float><<<blocks, kThreads, 0, cuda_stream()>>>(p, p.out_OI);
  } else {
    read_kernel<Reader, __nv_bfloat16>
        <<<blocks, kThreads, 0, cuda_stream()>>>(p, static_cast<__nv_bfloat16*>(p.bf16_out_OI));
  }
}

const char* read(const ReadWeightParams& p) {
  if (p.outputs == 0 || p.inputs == 0) return nullptr;
  p.int8_codes != nullptr ? launch_read<Int8Reader>(p) : launch_read<Nf4Reader>(p);
  return text_of(cudaGetLastError());
}

const char* multiply_few(const ReadWeightParams& p) {
  if (p.outputs == 0 || p.rows == 0) return nullptr;
  constexpr int64_t kOfBlock = kThreads / kWarp;
  const dim3 grid(static_cast<unsigned>((p.outputs + kOfBlock - 1) / kOfBlock),
                  static_cast<unsigned>(p.rows));
  if (p.int8_codes != nullptr) {
    multiply_few_kernel<Int8Reader><<<grid, kThreads, 0, cuda_stream()>>>(p);
  } else {
    multiply_few_kernel<Nf4Reader><<<grid, kThreads, 0, cuda_stream()>>>(p);
  }
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (quantized_linear_cuda = {read, multiply_few}, 0);

}  // namespace

}  // namespace seqsweep
