// Embedding and LayerNorm on CUDA, float32: a warp a token.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_rows.h"
#include "kernels/embed_and_norm_cuda.h"

namespace seqsweep {

namespace {

__global__ void __launch_bounds__(kRowThreads) forward_kernel(EmbedAndNormParams p) {
  const int64_t token = int64_t(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  if (token >= p.tokens) return;  // The whole warp.
  float* const out = p.out_TD + token * p.width;
  const float* const item = p.table_VD + p.items_T[token] * p.width;
  const float* const position =
      p.positions_LD != nullptr ? p.positions_LD + p.positions_T[token] * p.width : nullptr;
  for (int i = threadIdx.x % 32; i < p.width; i += 32) {
    out[i] = item[i] + (position != nullptr ? position[i] : 0);  // A lane reads what it wrote.
  }
  layer_norm_of_row(out, p.weight_D, p.bias_D, p.width, p.eps, out);
}

const char* forward(const EmbedAndNormParams& p) {
  if (p.tokens == 0) return nullptr;
  const auto blocks = static_cast<unsigned>((p.tokens + kRowWarps - 1) / kRowWarps);
  forward_kernel<<<blocks, kRowThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (embed_and_norm_cuda = {forward}, 0);

}  // namespace

}  // namespace seqsweep
