// Dropout by a seed on CUDA, float32: the bits of the CPU. A thread is an element.
#include "kernels/cuda_launch.h"
#include "kernels/seeded_dropout_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) scale_kept_kernel(SeededDropoutParams p) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.size) return;
  const RandomKey key = derive(p.key, static_cast<uint32_t>(i / kDropoutBlock));
  p.to[i] = p.from[i] * p.rule.factor(key, static_cast<uint32_t>(i % kDropoutBlock));
}

const char* scale_kept(const SeededDropoutParams& p) {
  if (p.size == 0) return nullptr;
  const auto blocks = static_cast<unsigned>((p.size + kThreads - 1) / kThreads);
  scale_kept_kernel<<<blocks, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (seeded_dropout_cuda = {scale_kept}, 0);

}  // namespace

}  // namespace seqsweep
