// Steps of optimizers.
#include <fmt/format.h>
#include <torch/types.h>

#include "kernels/blockwise_adamw.h"
#include "kernels/usgm_step.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// Eager with the same states, whose codes index_select and bucketize read and write.
void bench_blockwise_adamw(Bench& bench, int64_t blocks) {
  const torch::NoGradGuard no_grad;
  const int64_t size = blocks * kStateBlock;
  const auto states = [&] {
    return BlockwiseAdamW{.values = bench.random({size}),
                          .gradients = bench.random({size}),
                          .mean_codes = torch::zeros({size}, bench.options(torch::kByte)),
                          .square_codes = torch::zeros({size}, bench.options(torch::kByte)),
                          .mean_scales = torch::zeros({blocks}, bench.options()),
                          .square_scales = torch::zeros({blocks}, bench.options()),
                          .codebooks = state_codebooks(bench.options().device())};
  };
  const BlockwiseAdamW ours = states(), eager = states();
  const AdamWRule rule{
      .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .step = 100};
  const double correction1 = 1 - std::pow(rule.beta1, 100),
               correction2 = 1 - std::pow(rule.beta2, 100);
  const auto read = [=](const Tensor& codes, const Tensor& codebook, const Tensor& scales) {
    return codebook.index_select(0, codes.to(torch::kInt)).view({-1, kStateBlock}) *
           scales.unsqueeze(1);
  };
  const auto write = [=](const Tensor& numbers, const Tensor& codebook, const Tensor& codes,
                         const Tensor& scales) {
    const Tensor middles = (codebook.narrow(0, 0, 255) + codebook.narrow(0, 1, 255)) / 2;
    scales.copy_(numbers.abs().amax(1));
    const Tensor unit = numbers / scales.unsqueeze(1).clamp_min(1e-30);
    codes.copy_(torch::bucketize(unit, middles, /*out_int32=*/true).view(-1));
  };
  bench.compare(
      fmt::format("blockwise_adamw, {} parameters", size),
      {.bytes = 16.0 * static_cast<double>(size), .flops = 40.0 * static_cast<double>(size)},
      [&] { blockwise_adamw_step(ours, rule); },
      [&] {
        const Tensor g = eager.gradients.view({-1, kStateBlock}),
                     values = eager.values.view({-1, kStateBlock});
        const Tensor mean = read(eager.mean_codes, eager.codebooks[0], eager.mean_scales)
                                .mul_(rule.beta1)
                                .add_(g, 1 - rule.beta1);
        const Tensor square = read(eager.square_codes, eager.codebooks[1], eager.square_scales)
                                  .mul_(rule.beta2)
                                  .addcmul_(g, g, 1 - rule.beta2);
        values.mul_(1 - rule.lr * rule.weight_decay)
            .addcdiv_(mean, (square / correction2).sqrt_().add_(rule.eps), -rule.lr / correction1);
        write(mean, eager.codebooks[0], eager.mean_codes, eager.mean_scales);
        write(square, eager.codebooks[1], eager.square_codes, eager.square_scales);
      });
}

// With the diagonal metric; no ball, decay or average. Eager in float32 throughout, its scalars on
// the device, so that it does not wait either.
void bench_usgm_step(Bench& bench, int64_t size) {
  const torch::NoGradGuard no_grad;
  const UsgmRule rule{.metric_decay = 0.999, .metric_eps = 1e-8};
  const Tensor g = bench.random({size});
  const UsgmTensors ours{.values = bench.random({size}),
                         .gradients = g,
                         .step = torch::zeros({size}, bench.options()),
                         .second_moment = torch::zeros({size}, bench.options()),
                         .origin = {},
                         .average = {},
                         .scalars = new_usgm_scalars(1e-3, rule, bench.options().device())};
  const Tensor x = bench.random({size}), v = torch::zeros_like(x);
  Tensor step = torch::zeros_like(x), h = torch::full({}, 1e3, bench.options()),
         along = torch::zeros_like(h), r2 = along;
  // Two passes: the products read g, the step and v and write v; the update reads x, g and v and
  // writes x and the step.
  bench.compare(
      fmt::format("usgm_step, {} parameters", size),
      {.bytes = 4.0 * 9 * static_cast<double>(size), .flops = 30.0 * static_cast<double>(size)},
      [&] { usgm_step(ours, rule); },
      [&] {
        v.mul_(rule.metric_decay).addcmul_(g, g, 1 - rule.metric_decay);
        const Tensor metric = v.sqrt().add_(rule.metric_eps);
        const Tensor mean = metric.mean(), direction = g / metric;
        const Tensor beta = torch::dot(g, step) - along, square = torch::dot(g, direction) * mean;
        const double d2 = rule.diameter * rule.diameter;
        h = h + (beta - h * r2 / 2).clamp_min_(0) / (d2 + r2 / 2);
        const Tensor longest = rule.max_step * rule.diameter / square.sqrt();
        const Tensor length = torch::minimum(h.reciprocal(), longest) * mean;
        torch::mul_out(step, direction, -length);
        x.add_(step);
        along = torch::dot(g, step);
        r2 = torch::dot(metric * step, step) / mean;
      });
}

}  // namespace

void bench_optimizer_kernels(Bench& bench) {
  const int64_t blocks = bench.on_gpu() ? 39063 : 3907;  // 10 million, 1 million.
  bench_blockwise_adamw(bench, blocks);
  bench_usgm_step(bench, blocks * kStateBlock);
}

}  // namespace seqsweep
