// RMSNorm with gate on CUDA, of float or bfloat16. Narrow groups: a warp a group of a row, its
// numbers in registers. Wide groups: a block a group. In a backward a block takes some rows of one
// group and sums their gradients of the weight itself; these parts are summed afterwards. No
// atomics: the same bits on every call.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/cuda_rows.h"
#include "kernels/rms_norm_gate_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kNarrow = 512;

// The numbers of a group that a lane holds: kOfLane at most, four by four or 32 apart.
template <int kOfLane, bool kFours>
struct Numbers {
  float of[kOfLane];

  __device__ static int column(int lane, int i) {
    return kFours ? 4 * (lane + 32 * (i / 4)) + i % 4 : lane + 32 * i;
  }
  // Zeros behind the group.
  template <typename T>
  __device__ void load(const T* from, int width, int lane) {
    if constexpr (kFours) {
#pragma unroll
      for (int i = 0; i < kOfLane; i += 4) {
        const int at = column(lane, i);
        float4 x = {0, 0, 0, 0};
        if (at < width) x = load_four(from + at);
        of[i] = x.x;
        of[i + 1] = x.y;
        of[i + 2] = x.z;
        of[i + 3] = x.w;
      }
    } else {
#pragma unroll
      for (int i = 0; i < kOfLane; ++i) {
        of[i] = column(lane, i) < width ? seqsweep::load(from + column(lane, i)) : 0;
      }
    }
  }
  template <typename T>
  __device__ void store(T* to, int width, int lane) const {
    if constexpr (kFours) {
#pragma unroll
      for (int i = 0; i < kOfLane; i += 4) {
        const int at = column(lane, i);
        if (at >= width) continue;
        store_four(to + at, {of[i], of[i + 1], of[i + 2], of[i + 3]});
      }
    } else {
#pragma unroll
      for (int i = 0; i < kOfLane; ++i) {
        if (column(lane, i) < width) seqsweep::store(to + column(lane, i), of[i]);
      }
    }
  }
};

template <typename T>
__device__ T* group_of(const GateRows& rows, int64_t row, int group, int width) {
  return static_cast<T*>(rows.data) + row * rows.stride + group * width;
}

template <typename T, int kOfLane, bool kFours>
__global__ void forward_kernel(RmsNormGateParams p) {
  const int64_t index = int64_t(blockIdx.x) * kWarps + threadIdx.x / 32, row = index / p.groups;
  const int group = static_cast<int>(index % p.groups), lane = threadIdx.x % 32;
  const int width = p.group_width;
  if (row >= p.rows) return;  // The whole warp.
  Numbers<kOfLane, kFours> y, z, weight;
  y.load(group_of<T>(p.y, row, group, width), width, lane);
  z.load(group_of<T>(p.z, row, group, width), width, lane);
  weight.load(p.weight_E + group * width, width, lane);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kOfLane; ++i) {
    const float gated = y.of[i] * z.of[i] * sigmoid_of(z.of[i]), v = p.gate_first ? gated : y.of[i];
    sum += v * v;
    y.of[i] = gated * weight.of[i];
  }
  const float inverse = rsqrtf(sum_of_lanes(sum) / width + p.eps);
#pragma unroll
  for (int i = 0; i < kOfLane; ++i) y.of[i] *= inverse;
  y.store(group_of<T>(p.out, row, group, width), width, lane);
}

// With n = v inverse: d_v = (d_n - n mean(d_n n)) inverse.
struct Gradients {
  float y, z;
  __device__ Gradients(bool gate_first, float y, float z, float d_out, float weight, float inverse,
                       float along) {
    const float open = sigmoid_of(z), gate = z * open, d = d_out * weight;
    const float v = gate_first ? y * gate : y, d_n = gate_first ? d : d * gate;
    const float d_v = (d_n - v * along) * inverse;
    this->y = gate_first ? d_v * gate : d_v;
    this->z = (gate_first ? d_v * y : d * y * inverse) * (open + gate * (1 - open));
  }
};

// A block: some rows of a group, by turns of its warps.
template <typename T, int kOfLane, bool kFours>
__global__ void __launch_bounds__(kThreads, kOfLane > 4 ? 1 : 4)
    backward_kernel(RmsNormGateParams p) {
  using Lane = Numbers<kOfLane, kFours>;
  const int group = blockIdx.y, width = p.group_width;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t first = int64_t(blockIdx.x) * p.rows_a_part;
  const int64_t end = first + p.rows_a_part < p.rows ? first + p.rows_a_part : p.rows;
  Lane weight, d_weight = {};
  weight.load(p.weight_E + group * width, width, lane);
  for (int64_t row = first + warp; row < end; row += kWarps) {
    Lane y, z, d_out;
    y.load(group_of<T>(p.y, row, group, width), width, lane);
    z.load(group_of<T>(p.z, row, group, width), width, lane);
    d_out.load(group_of<T>(p.d_out, row, group, width), width, lane);
    float squares = 0, along = 0;
#pragma unroll
    for (int i = 0; i < kOfLane; ++i) {
      const float gated = y.of[i] * z.of[i] * sigmoid_of(z.of[i]),
                  v = p.gate_first ? gated : y.of[i];
      squares += v * v;
      along += d_out.of[i] * weight.of[i] * gated;
    }
    const float inverse = rsqrtf(sum_of_lanes(squares) / width + p.eps);
    along = sum_of_lanes(along) * inverse * inverse / width;
#pragma unroll
    for (int i = 0; i < kOfLane; ++i) {
      d_weight.of[i] += d_out.of[i] * y.of[i] * z.of[i] * sigmoid_of(z.of[i]) * inverse;
      const Gradients d(p.gate_first, y.of[i], z.of[i], d_out.of[i], weight.of[i], inverse, along);
      y.of[i] = d.y;
      z.of[i] = d.z;
    }
    y.store(group_of<T>(p.d_y, row, group, width), width, lane);
    z.store(group_of<T>(p.d_z, row, group, width), width, lane);
  }
  __shared__ float sums[kWarps][32 * kOfLane];
#pragma unroll
  for (int i = 0; i < kOfLane; ++i) sums[warp][Lane::column(lane, i)] = d_weight.of[i];
  __syncthreads();
  float* part = p.d_weight_RE + (int64_t(blockIdx.x) * p.groups + group) * width;
  for (int column = threadIdx.x; column < width; column += kThreads) {
    float sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += sums[w][column];
    part[column] = sum;
  }
}

// Of two numbers of each thread, in the order of the warps.
__device__ float2 sums_of_block(float2 x) {
  __shared__ float2 sums[kWarps];
  x = {sum_of_lanes(x.x), sum_of_lanes(x.y)};
  __syncthreads();  // What an earlier call wrote has been read.
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
  __syncthreads();
  float2 all = {0, 0};
  for (int w = 0; w < kWarps; ++w) all = {all.x + sums[w].x, all.y + sums[w].y};
  return all;
}

template <typename T>
__global__ void wide_forward_kernel(RmsNormGateParams p) {
  const int group = blockIdx.y, width = p.group_width;
  const T* y = group_of<T>(p.y, blockIdx.x, group, width);
  const T* z = group_of<T>(p.z, blockIdx.x, group, width);
  T* out = group_of<T>(p.out, blockIdx.x, group, width);
  float sum = 0;
  for (int i = threadIdx.x; i < width; i += kThreads) {
    const float of_y = load(y + i), of_z = load(z + i);
    const float v = p.gate_first ? of_y * of_z * sigmoid_of(of_z) : of_y;
    sum += v * v;
  }
  const float inverse = rsqrtf(sums_of_block({sum, 0}).x / width + p.eps);
  for (int i = threadIdx.x; i < width; i += kThreads) {
    const float of_y = load(y + i), of_z = load(z + i);
    store(out + i, of_y * of_z * sigmoid_of(of_z) * p.weight_E[group * width + i] * inverse);
  }
}

// A thread keeps its columns' gradients of the weight where they go.
template <typename T>
__global__ void wide_backward_kernel(RmsNormGateParams p) {
  const int group = blockIdx.y, width = p.group_width;
  const float* weight = p.weight_E + group * width;
  float* d_weight = p.d_weight_RE + (int64_t(blockIdx.x) * p.groups + group) * width;
  const int64_t first = int64_t(blockIdx.x) * p.rows_a_part;
  for (int64_t row = first; row < first + p.rows_a_part && row < p.rows; ++row) {
    const T* y = group_of<T>(p.y, row, group, width);
    const T* z = group_of<T>(p.z, row, group, width);
    const T* d_out = group_of<T>(p.d_out, row, group, width);
    T *d_y = group_of<T>(p.d_y, row, group, width), *d_z = group_of<T>(p.d_z, row, group, width);
    float2 sums = {0, 0};
    for (int i = threadIdx.x; i < width; i += kThreads) {
      const float of_y = load(y + i), of_z = load(z + i), gated = of_y * of_z * sigmoid_of(of_z);
      const float v = p.gate_first ? gated : of_y;
      sums.x += v * v;
      sums.y += load(d_out + i) * weight[i] * gated;
    }
    sums = sums_of_block(sums);
    const float inverse = rsqrtf(sums.x / width + p.eps);
    const float along = sums.y * inverse * inverse / width;
    for (int i = threadIdx.x; i < width; i += kThreads) {
      const float before = row == first ? 0 : d_weight[i];
      const float of_y = load(y + i), of_z = load(z + i), of_d = load(d_out + i);
      d_weight[i] = before + of_d * of_y * of_z * sigmoid_of(of_z) * inverse;
      const Gradients d(p.gate_first, of_y, of_z, of_d, weight[i], inverse, along);
      store(d_y + i, d.y);
      store(d_z + i, d.z);
    }
  }
}

template <typename T>
bool in_fours(const GateRows& rows) {
  return rows.stride % 4 == 0 && begins_four<T>(rows.data);
}

using Kernel = void (*)(RmsNormGateParams);

// The kernels for narrow groups, by the numbers that a lane must hold.
template <typename T, bool kFours>
Kernel forward_for(int width) {
  if (width <= 128) return forward_kernel<T, 4, kFours>;
  return width <= 256 ? forward_kernel<T, 8, kFours> : forward_kernel<T, 16, kFours>;
}

template <typename T, bool kFours>
Kernel backward_for(int width) {
  if (width <= 128) return backward_kernel<T, 4, kFours>;
  return width <= 256 ? backward_kernel<T, 8, kFours> : backward_kernel<T, 16, kFours>;
}

const char* launch(Kernel kernel, const RmsNormGateParams& p, int64_t x, int y) {
  kernel<<<dim3(static_cast<unsigned>(x), y), kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

template <typename T>
const char* forward_of(const RmsNormGateParams& p) {
  if (p.rows == 0 || p.group_width == 0) return nullptr;
  if (p.group_width > kNarrow) return launch(wide_forward_kernel<T>, p, p.rows, p.groups);
  const bool fours = p.group_width % 4 == 0 && in_fours<T>(p.y) && in_fours<T>(p.z) &&
                     in_fours<T>(p.out) && begins_four<float>(p.weight_E);
  const auto kernel =
      fours ? forward_for<T, true>(p.group_width) : forward_for<T, false>(p.group_width);
  return launch(kernel, p, (p.rows * p.groups + kWarps - 1) / kWarps, 1);
}

template <typename T>
const char* backward_of(const RmsNormGateParams& p) {
  if (p.rows == 0 || p.group_width == 0) return nullptr;
  const int64_t parts = (p.rows + p.rows_a_part - 1) / p.rows_a_part;
  if (p.group_width > kNarrow) return launch(wide_backward_kernel<T>, p, parts, p.groups);
  const bool fours = p.group_width % 4 == 0 && in_fours<T>(p.y) && in_fours<T>(p.z) &&
                     in_fours<T>(p.d_out) && in_fours<T>(p.d_y) && in_fours<T>(p.d_z) &&
                     begins_four<float>(p.weight_E);
  const auto kernel =
      fours ? backward_for<T, true>(p.group_width) : backward_for<T, false>(p.group_width);
  return launch(kernel, p, parts, p.groups);
}

const char* forward(const RmsNormGateParams& p) {
  return p.bf16 ? forward_of<Bfloat16>(p) : forward_of<float>(p);
}
const char* backward(const RmsNormGateParams& p) {
  return p.bf16 ? backward_of<Bfloat16>(p) : backward_of<float>(p);
}

// Loading the plug-in fills the slot.
const int kFilled = (rms_norm_gate_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
