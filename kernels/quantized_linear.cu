// Reads weights in few bits into floats on CUDA, a thread a number; the product is cuBLAS's.
#include "kernels/cuda_launch.h"
#include "kernels/quantized_linear_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256, kNf4Block = 64, kScaleBlock = 256;

__global__ void read_int8(ReadWeightParams p) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.count * p.inputs) return;
  const int64_t at = p.first * p.inputs + i;
  p.out_CI[i] = float(p.int8_codes[at]) * p.int8_scales[at / p.inputs];
}

__global__ void read_nf4(ReadWeightParams p) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.count * p.inputs) return;
  const int64_t at = p.first * p.inputs + i, block = at / kNf4Block;
  const uint8_t byte = p.nf4_codes[at / 2];
  const float scale = p.scale_map[p.nf4_scales[block]] * p.scale_blocks[block / kScaleBlock] +
                      p.scale_blocks[p.last_scale_block];
  p.out_CI[i] = p.nf4_numbers[at % 2 == 0 ? byte >> 4 : byte & 15] * scale;
}

const char* read_rows(const ReadWeightParams& p) {
  if (p.count == 0 || p.inputs == 0) return nullptr;
  const auto blocks = static_cast<unsigned>((p.count * p.inputs + kThreads - 1) / kThreads);
  const auto stream = cuda_stream();
  if (p.int8_codes != nullptr) {
    read_int8<<<blocks, kThreads, 0, stream>>>(p);
  } else {
    read_nf4<<<blocks, kThreads, 0, stream>>>(p);
  }
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (quantized_linear_cuda = {read_rows}, 0);

}  // namespace

}  // namespace seqsweep
