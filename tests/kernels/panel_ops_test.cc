#include "kernels/panel_ops.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

namespace seqsweep {
namespace panel_ops_test {

using torch::Tensor;

Tensor random_numbers(at::IntArrayRef sizes) {
  return torch::randn(sizes);
}

Rows<float> rows_of(const Tensor& x) {
  return {x.data_ptr<float>(), x.stride(0)};
}
Rows<const float> right_of(const Tensor& x) {
  return {x.data_ptr<float>(), x.stride(0)};
}

// What `run(ops, out)` leaves in a copy of `start` is close to `expected`, and the same bits for
// every instruction set.
void expect_result(const Tensor& start, const Tensor& expected, double tolerance, const auto& run) {
  Tensor first;
  for (const PanelOps& ops : all_panel_ops()) {
    const Tensor out = start.clone();
    run(ops, out);
    const double difference =
        (out.to(torch::kDouble) - expected.to(torch::kDouble)).abs().max().item<double>();
    EXPECT_LE(difference, tolerance) << ops.name;
    if (!first.defined()) first = out;
    EXPECT_TRUE(torch::equal(out, first)) << ops.name;
  }
}

TEST(PanelOps, TheLastIsTheOneInUse) {
  EXPECT_EQ(&panel_ops(), &all_panel_ops().back());
  EXPECT_STREQ(all_panel_ops().front().name, "AVX2");
}

TEST(PanelOps, MultiplyAgreesWithTorch) {
  torch::manual_seed(1);
  for (const int64_t rows : {1, 5, 6, 7, 64}) {
    for (const int64_t columns : {16, 32, 48}) {
      for (const int64_t depth : {1, 33}) {
        const Tensor x = random_numbers({depth, columns + 16}).narrow(1, 0, columns);
        const Tensor a = random_numbers({rows, depth}), turned = random_numbers({depth, rows}).t();
        const Tensor bias = random_numbers({rows}), start = torch::empty({rows, columns});
        const auto wide = [](const Tensor& t) { return t.to(torch::kDouble); };
        for (const Tensor& left : {a, turned}) {
          const Strided<float> strided{left.data_ptr<float>(), left.stride(0), left.stride(1)};
          const Tensor product = torch::mm(wide(left), wide(x));
          expect_result(start, product + wide(bias).unsqueeze(1), 3e-5,
                        [&](const PanelOps& ops, const Tensor& out) {
                          ops.multiply(rows, columns, depth, strided, bias.data_ptr<float>(),
                                       right_of(x), rows_of(out));
                        });
          expect_result(start, product, 3e-5, [&](const PanelOps& ops, const Tensor& out) {
            ops.multiply(rows, columns, depth, strided, nullptr, right_of(x), rows_of(out));
          });
        }
      }
    }
  }
}

TEST(PanelOps, AddAndNormIsALayerNormOfEachColumn) {
  torch::manual_seed(2);
  for (const int64_t rows : {1, 2, 33, 64}) {
    const Tensor x = 3 * random_numbers({rows, 48}) + 1, added = random_numbers({rows, 48});
    const Tensor weight = random_numbers({rows}), bias = random_numbers({rows});
    const Tensor sum = (x + added).t().to(torch::kDouble);
    const Tensor expected =
        torch::layer_norm(sum, {rows}, weight.to(torch::kDouble), bias.to(torch::kDouble), 1e-12);
    expect_result(x, expected.t(), 2e-5, [&](const PanelOps& ops, const Tensor& out) {
      ops.add_and_norm(rows, 48, right_of(added), weight.data_ptr<float>(), bias.data_ptr<float>(),
                       1e-12F, rows_of(out));
    });
  }
}

// To 1e-6, of large numbers relative to them.
TEST(PanelOps, GeluIsTheExactOneToFloatPrecision) {
  const Tensor x = torch::cat({torch::linspace(-8, 8, 16 * 4000), torch::linspace(-80, 80, 16),
                               torch::linspace(-1e-3, 1e-3, 16)})
                       .view({-1, 16});
  const Tensor size = x.abs().clamp_min(1);
  expect_result(x, torch::gelu(x.to(torch::kDouble)) / size, 1e-6,
                [&](const PanelOps& ops, const Tensor& out) {
                  ops.gelu(out.size(0), 16, rows_of(out));
                  out.div_(size);
                });
}

TEST(PanelOps, CausalSoftmaxLeavesZerosForLaterKeys) {
  torch::manual_seed(3);
  for (const int64_t first : {0, 16, 50}) {
    const int64_t columns = 32, keys = first + columns;
    const Tensor scores = 20 * random_numbers({keys, columns});
    const Tensor later = torch::arange(keys).unsqueeze(1).gt(torch::arange(columns) + first);
    const Tensor expected =
        torch::softmax((0.5 * scores.to(torch::kDouble)).masked_fill(later, -INFINITY), 0);
    expect_result(scores, expected, 1e-6, [&](const PanelOps& ops, const Tensor& out) {
      float inverse_sums[32];
      ops.causal_softmax(keys, columns, first, 0.5F, rows_of(out), inverse_sums);
      out.mul_(torch::from_blob(inverse_sums, {columns}));
      EXPECT_TRUE(out.masked_select(later).eq(0).all().item<bool>());
    });
  }
}

TEST(PanelOps, ConvSiluSlidesOverItsRow) {
  torch::manual_seed(4);
  const int64_t rows = 5, columns = 48, margin = 16;
  const Tensor x = random_numbers({rows, margin + columns + margin}), bias = random_numbers({rows});
  for (const auto& [width, before] : {std::pair<int64_t, int64_t>{4, 3}, {7, 3}, {1, 0}}) {
    const Tensor weight = random_numbers({rows, width});
    const Tensor windows = x.narrow(1, margin - before, columns + width - 1).unfold(1, width, 1);
    const Tensor sums = (windows * weight.unsqueeze(1)).to(torch::kDouble).sum(-1);
    expect_result(torch::empty({rows, columns}), torch::silu(sums + bias.unsqueeze(1)), 1e-5,
                  [&, width = width, before = before](const PanelOps& ops, const Tensor& out) {
                    ops.conv_silu(rows, columns, width, before, weight.data_ptr<float>(),
                                  bias.data_ptr<float>(),
                                  {x.data_ptr<float>() + margin, x.stride(0)}, rows_of(out));
                  });
  }
}

TEST(PanelOps, NaNStaysNaN) {
  for (const PanelOps& ops : all_panel_ops()) {
    const Tensor x = torch::zeros({16, 16});
    x[3][5] = NAN;
    float inverse_sums[16];
    const Tensor weights = x.clone();
    ops.causal_softmax(16, 16, 0, 1, rows_of(weights), inverse_sums);
    EXPECT_TRUE(std::isnan(inverse_sums[5])) << ops.name;
    EXPECT_FALSE(std::isnan(inverse_sums[6])) << ops.name;
    ops.gelu(16, 16, rows_of(x));
    EXPECT_TRUE(std::isnan(x[3][5].item<float>())) << ops.name;
  }
}

}  // namespace panel_ops_test
}  // namespace seqsweep
