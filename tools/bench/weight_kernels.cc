// Weights of 8 and 4 bits, read as floats; and weights in float that meet a few rows.
#include <fmt/format.h>
#include <torch/types.h>

#include "kernels/dynamic_map.h"
#include "kernels/few_row_linear.h"
#include "kernels/quantized_linear.h"
#include "kernels/quantized_linear_cpu.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

using torch::Tensor;

void bench_int8_weight(Bench& bench, int64_t outputs, int64_t inputs) {
  const torch::NoGradGuard no_grad;
  const Tensor codes = torch::randint(-127, 128, {outputs, inputs}, bench.options(torch::kChar));
  const Tensor scales = torch::rand({outputs}, bench.options());
  const QuantizedWeight weight{WeightFormat::Int8, outputs, inputs, codes, scales, {}};
  const auto count = static_cast<double>(outputs * inputs);
  bench.compare(
      fmt::format("dequantize, int8, {} x {}", outputs, inputs),
      {.bytes = 5 * count, .flops = count}, [&] { dequantize(weight); },
      [&] { return codes * scales.unsqueeze(1); });
}

// The number of weights is a multiple of a block of scales.
void bench_nf4_weight(Bench& bench, int64_t outputs, int64_t inputs) {
  const torch::NoGradGuard no_grad;
  const int64_t count = outputs * inputs, scale_count = count / kNf4Block,
                scale_blocks = scale_count / kNf4ScaleBlock;
  const auto bytes = [&](int64_t size) {
    return torch::randint(256, {size}, bench.options(torch::kByte));
  };
  const QuantizedWeight weight{.format = WeightFormat::Nf4,
                               .outputs = outputs,
                               .inputs = inputs,
                               .codes = bytes(count / 2),
                               .scales = bytes(scale_count),
                               .scale_blocks = torch::rand({scale_blocks + 1}, bench.options())};
  const auto on_device = [&](const auto& numbers) {
    return torch::tensor(at::ArrayRef<float>(numbers.data(), numbers.size()))
        .to(bench.options().device());
  };
  const Tensor numbers = on_device(kNf4Numbers), map = on_device(dynamic_map(/*is_signed=*/true));
  const auto least_bytes = 4.5 * static_cast<double>(count) + static_cast<double>(scale_count);
  bench.compare(
      fmt::format("dequantize, nf4, {} x {}", outputs, inputs),
      {.bytes = least_bytes, .flops = 2.0 * static_cast<double>(count)},
      [&] { dequantize(weight); },
      [&] {
        const auto& blocks = weight.scale_blocks;
        const Tensor scales = map.index_select(0, weight.scales.to(torch::kInt))
                                      .view({scale_blocks, kNf4ScaleBlock}) *
                                  blocks.narrow(0, 0, scale_blocks).unsqueeze(1) +
                              blocks[scale_blocks];
        const Tensor codes =
            torch::stack({weight.codes.bitwise_right_shift(4), weight.codes.bitwise_and(15)}, 1);
        return (numbers.index_select(0, codes.view(-1).to(torch::kInt)).view({-1, kNf4Block}) *
                scales.view({-1, 1}))
            .view({outputs, inputs});
      });
}

void bench_few_rows(Bench& bench, int64_t rows, int64_t outputs, int64_t inputs, bool row_by_row) {
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({rows, inputs}, bench.options());
  const Tensor weight = row_by_row ? torch::randn({outputs, inputs}, bench.options())
                                   : torch::randn({inputs, outputs}, bench.options()).t();
  const auto numbers = static_cast<double>(outputs * inputs);
  bench.compare(
      fmt::format("few_row_linear, {} x {} x {}, {}", rows, inputs, outputs,
                  row_by_row ? "row by row" : "column by column"),
      {.bytes = 4 * numbers, .flops = 2 * numbers * static_cast<double>(rows)},
      [&] { few_row_linear(x, weight, {}); }, [&] { torch::linear(x, weight); });
}

}  // namespace

void bench_weight_kernels(Bench& bench) {
  const int64_t outputs = bench.on_gpu() ? 4096 : 1024, inputs = bench.on_gpu() ? 11008 : 2048;
  bench_int8_weight(bench, outputs, inputs);
  bench_nf4_weight(bench, outputs, inputs);
  if (bench.on_gpu()) return;
  for (const int64_t rows : {1, 4, 8}) {
    bench_few_rows(bench, rows, 50257, 768, true);
    bench_few_rows(bench, rows, 3072, 768, false);
  }
}

}  // namespace seqsweep
