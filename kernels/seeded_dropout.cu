// Dropout by a seed on CUDA, of float, with the bits of the CPU, or bfloat16. A thread is an
// element.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/seeded_dropout_cuda.h"

namespace seqsweep {

namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void __launch_bounds__(kThreads) scale_kept_kernel(SeededDropoutParams p) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.size) return;
  const RandomKey key = derive(p.key, static_cast<uint32_t>(i / kDropoutBlock));
  const float factor = p.rule.factor(key, static_cast<uint32_t>(i % kDropoutBlock));
  store(static_cast<T*>(p.to) + i, load(static_cast<const T*>(p.from) + i) * factor);
}

const char* scale_kept(const SeededDropoutParams& p) {
  if (p.size == 0) return nullptr;
  const auto blocks = static_cast<unsigned>((p.size + kThreads - 1) / kThreads);
  const auto kernel = p.bf16 ? scale_kept_kernel<Bfloat16> : scale_kept_kernel<float>;
  kernel<<<blocks, kThreads, 0, cuda_stream()>>>(p);
  return text_of(cudaGetLastError());
}

// Loading the plug-in fills the slot.
const int kFilled = (seeded_dropout_cuda = {scale_kept}, 0);

}  // namespace

}  // namespace seqsweep
