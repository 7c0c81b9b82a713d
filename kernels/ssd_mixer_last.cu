// The end of an SSD mixer for last tokens on CUDA, float32: a block a sequence, all in shared
// memory. One launch where the parts are ten.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_rows.h"
#include "kernels/ssd_mixer_last_cuda.h"

namespace seqsweep {

namespace {

__global__ void __launch_bounds__(kRowThreads) end_kernel(SsdMixerEndParams p) {
  extern __shared__ float4 shared[];
  const int inner = p.heads * p.head_width, padded = (inner + 3) / 4 * 4;
  float* const x = reinterpret_cast<float*>(shared);
  float* const y = x + padded;
  float* const own = y + padded;         // What a head's own x counts, [H].
  float* const inverse = own + p.heads;  // Of a group's root mean square.
  const int64_t sequence = blockIdx.x, last = p.offsets[blockIdx.x + 1] - 1;
  const float* const z = p.z_TE + last * p.z_stride;
  const auto gate = [&](int e) { return z[e] * sigmoid_of(z[e]); };
  for (int e = threadIdx.x; e < inner; e += kRowThreads) x[e] = p.x_TE[last * p.x_stride + e];
  for (int h = threadIdx.x; h < p.heads; h += kRowThreads) own[h] = p.D_H[h];
  __syncthreads();
  if (p.fc_D_HE != nullptr) {
    multiply_row(p.fc_D_HE, p.heads, inner, x, [&](int h, float sum) { own[h] += sum; });
  }
  __syncthreads();
  for (int e = threadIdx.x; e < inner; e += kRowThreads) {
    y[e] = p.read_SE[sequence * inner + e] + own[e / p.head_width] * x[e];
  }
  __syncthreads();
  const int lane = threadIdx.x % 32, group_width = inner / p.norm_groups;
  for (int group = threadIdx.x / 32; group < p.norm_groups; group += kRowWarps) {
    float sum = 0;
    for (int i = lane; i < group_width; i += 32) {
      const int e = group * group_width + i;
      const float v = p.gate_first ? y[e] * gate(e) : y[e];
      sum += v * v;
    }
    sum = sum_of_lanes(sum);
    if (lane == 0) inverse[group] = rsqrtf(sum / group_width + p.norm_eps);
  }
  __syncthreads();
  for (int e = threadIdx.x; e < inner; e += kRowThreads) {
    y[e] *= gate(e) * p.norm_weight_E[e] * inverse[e / group_width];
  }
  __syncthreads();
  multiply_row(p.out_proj_DE, p.width, inner, y,
               [&](int d, float sum) { p.y_SD[sequence * p.width + d] = sum; });
}

const char* end(const SsdMixerEndParams& p) {
  if (p.sequences == 0) return nullptr;
  const int numbers = 2 * ((p.heads * p.head_width + 3) / 4 * 4) + p.heads + p.norm_groups;
  const int bytes = numbers * static_cast<int>(sizeof(float));
  cudaError_t error =
      cudaFuncSetAttribute(end_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (error == cudaSuccess) {
    end_kernel<<<static_cast<unsigned>(p.sequences), kRowThreads, bytes, cuda_stream()>>>(p);
    error = cudaGetLastError();
  }
  return text_of(error);
}

// Loading the plug-in fills the slot.
const int kFilled = (ssd_mixer_last_cuda = {end}, 0);

}  // namespace

}  // namespace seqsweep
