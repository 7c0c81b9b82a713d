// RMSNorm with gate on CUDA, float32: a warp a group of a row; the gradient of the weight a thread
// a column over 128 rows, summed over these parts afterwards. No atomics: the same bits on every
// call.
#include "kernels/cuda_launch.h"
#include "kernels/rms_norm_gate_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

__device__ float sigmoid(float z) {
  return 1 / (1 + expf(-z));
}

__device__ float sum_of_warp(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0U, x, step);
  return x;
}

// The group of a row that a warp works on, and its lane's numbers of it.
struct Place {
  int64_t index, row;
  int first, lane;
  __device__ explicit Place(const RmsNormGateParams& p)
      : index(int64_t(blockIdx.x) * kWarps + threadIdx.x / 32),
        row(index / p.groups),
        first(static_cast<int>(index % p.groups) * p.group_width),
        lane(threadIdx.x % 32) {}
  __device__ float* of(const GateRows& rows) const { return rows.data + row * rows.stride + first; }
};

// 1 / sqrt(mean(v^2) + eps), v being what is normalised.
__device__ float inverse_rms(const RmsNormGateParams& p, const float* y, const float* z, int lane) {
  float sum = 0;
  for (int i = lane; i < p.group_width; i += 32) {
    const float v = p.gate_first ? y[i] * z[i] * sigmoid(z[i]) : y[i];
    sum += v * v;
  }
  return rsqrtf(sum_of_warp(sum) / p.group_width + p.eps);
}

__global__ void forward_kernel(RmsNormGateParams p) {
  const Place place(p);
  if (place.row >= p.rows) return;  // The whole warp.
  const float *y = place.of(p.y), *z = place.of(p.z), *weight = p.weight_E + place.first;
  float* out = place.of(p.out);
  const float inverse = inverse_rms(p, y, z, place.lane);
  for (int i = place.lane; i < p.group_width; i += 32) {
    out[i] = y[i] * z[i] * sigmoid(z[i]) * weight[i] * inverse;
  }
}

// With n = v inverse: d_v = (d_n - n mean(d_n n)) inverse.
__global__ void backward_kernel(RmsNormGateParams p) {
  const Place place(p);
  if (place.row >= p.rows) return;
  const float *y = place.of(p.y), *z = place.of(p.z), *d_out = place.of(p.d_out);
  const float* weight = p.weight_E + place.first;
  float *d_y = place.of(p.d_y), *d_z = place.of(p.d_z);
  const float inverse = inverse_rms(p, y, z, place.lane);
  if (place.lane == 0) p.inverse_TG[place.index] = inverse;
  float along = 0;
  for (int i = place.lane; i < p.group_width; i += 32) {
    along += d_out[i] * weight[i] * y[i] * z[i] * sigmoid(z[i]);
  }
  along = sum_of_warp(along) * inverse * inverse / p.group_width;
  for (int i = place.lane; i < p.group_width; i += 32) {
    const float open = sigmoid(z[i]), gate = z[i] * open, d_gate = open + gate * (1 - open);
    const float d = d_out[i] * weight[i];
    const float v = p.gate_first ? y[i] * gate : y[i], d_n = p.gate_first ? d : d * gate;
    const float d_v = (d_n - v * along) * inverse;
    d_y[i] = p.gate_first ? d_v * gate : d_v;
    d_z[i] = (p.gate_first ? d_v * y[i] : d * y[i] * inverse) * d_gate;
  }
}

__global__ void weight_kernel(RmsNormGateParams p) {
  const int column = blockIdx.y * kThreads + threadIdx.x;
  const int width = p.groups * p.group_width;
  if (column >= width) return;
  const int64_t first = int64_t(blockIdx.x) * kGateRowsAPart;
  const int64_t end = first + kGateRowsAPart < p.rows ? first + kGateRowsAPart : p.rows;
  float sum = 0;
  for (int64_t row = first; row < end; ++row) {
    const float z = p.z.data[row * p.z.stride + column];
    const float v = p.y.data[row * p.y.stride + column] * z * sigmoid(z);
    sum += p.d_out.data[row * p.d_out.stride + column] * v *
           p.inverse_TG[row * p.groups + column / p.group_width];
  }
  p.d_weight_RE[blockIdx.x * int64_t(width) + column] = sum;
}

unsigned blocks_of_warps(const RmsNormGateParams& p) {
  return static_cast<unsigned>((p.rows * p.groups + kWarps - 1) / kWarps);
}

const char* forward(const RmsNormGateParams& p) {
  if (p.rows == 0 || p.group_width == 0) return nullptr;
  const auto stream = cuda_stream();
  forward_kernel<<<blocks_of_warps(p), kThreads, 0, stream>>>(p);
  return text_of(cudaGetLastError());
}

const char* backward(const RmsNormGateParams& p) {
  if (p.rows == 0 || p.group_width == 0) return nullptr;
  const auto stream = cuda_stream();
  backward_kernel<<<blocks_of_warps(p), kThreads, 0, stream>>>(p);
  if (const char* error = text_of(cudaGetLastError())) return error;
  const int width = p.groups * p.group_width;
  const dim3 grid(static_cast<unsigned>((p.rows + kGateRowsAPart - 1) / kGateRowsAPart),
                  (width + kThreads - 1) / kThreads);
  weight_kernel<<<grid, kThreads, 0, stream>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (rms_norm_gate_cuda = {forward, backward}, 0);

}  // namespace

}  // namespace seqsweep
