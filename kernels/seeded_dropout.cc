#include "kernels/seeded_dropout.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <mutex>

#include "core/base/check.h"
#include "kernels/checks.h"
#include "kernels/counter_random.h"
#include "kernels/cuda_plugin.h"
#include "kernels/seeded_dropout_cuda.h"

namespace seqsweep {

SeededDropoutCuda seeded_dropout_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kSeededDropout = "seeded_dropout";

void scale_kept_on_gpu(const Tensor& from, const Tensor& to, const DropoutRule& rule,
                       uint64_t seed) {
  const c10::DeviceGuard on(from.device());
  launch_cuda(kSeededDropout, seeded_dropout_cuda.scale_kept,
              SeededDropoutParams{.from = from.data_ptr(),
                                  .to = to.data_ptr(),
                                  .bf16 = is_bf16(from),
                                  .size = from.numel(),
                                  .rule = rule,
                                  .key = random_key(seed)});
}

// Its own derivative: the backward applies it to the gradient.
Tensor scale_kept(const Tensor& x, double probability, uint64_t seed) {
  constexpr int64_t kBlock = kDropoutBlock;
  const Tensor from = x.contiguous(), to = at::empty_like(from);
  const int64_t size = from.numel();
  const DropoutRule rule(probability);
  if (from.is_cuda()) {
    scale_kept_on_gpu(from, to, rule, seed);
    return to;
  }
  AT_DISPATCH_FLOATING_TYPES(from.scalar_type(), kSeededDropout, [&] {
    const scalar_t* in = from.data_ptr<scalar_t>();
    scalar_t* out = to.data_ptr<scalar_t>();
    at::parallel_for(0, (size + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const RandomKey key = derive(random_key(seed), static_cast<uint32_t>(block));
        const int64_t first = block * kBlock, count = std::min(kBlock, size - first);
        for (int64_t i = 0; i < count; ++i) {
          out[first + i] = in[first + i] * rule.factor(key, static_cast<uint32_t>(i));
        }
      }
    });
  });
  return to;
}

class SeededDropout : public torch::autograd::Function<SeededDropout> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, double probability,
                        int64_t seed) {
    context->saved_data["probability"] = probability;
    context->saved_data["seed"] = seed;
    return scale_kept(x, probability, static_cast<uint64_t>(seed));
  }
  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    return {scale_kept(d_outs[0], context->saved_data["probability"].toDouble(),
                       static_cast<uint64_t>(context->saved_data["seed"].toInt())),
            Tensor(), Tensor()};
  }
};

}  // namespace

uint64_t draw_seed() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::scoped_lock lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

Tensor seeded_dropout(const Tensor& x, double probability, uint64_t seed) {
  SEQ_CHECK(probability >= 0 && probability < 1);
  if (probability == 0) return x;
  require_activation(kSeededDropout, x);
  return SeededDropout::apply(x, probability, static_cast<int64_t>(seed));
}

}  // namespace seqsweep
