#include "kernels/rms_norm_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace rms_norm_gate_test {

using testing::HasSubstr;
using torch::Tensor;

constexpr double kEps = 1e-5;
constexpr GateOrder kOrders[] = {GateOrder::GateFirst, GateOrder::NormFirst};

// y, z, weight.
Tensors make_inputs(int64_t rows, int64_t width) {
  torch::manual_seed(9);
  return {torch::randn({rows, width}, torch::kDouble),
          torch::randn({rows, width}, torch::kDouble) * 3,
          torch::randn({width}, torch::kDouble) + 1};
}

Tensors run(const Tensors& inputs, int64_t groups, GateOrder order) {
  return with_gradients(
      [&](const Tensors& in) { return rms_norm_gate(in[0], in[1], in[2], groups, kEps, order); },
      inputs);
}
Tensors run_plainly(const Tensors& inputs, int64_t groups, GateOrder order) {
  return with_gradients(
      [&](const Tensors& in) {
        return rms_norm_gate_reference(in[0], in[1], in[2], groups, kEps, order);
      },
      inputs);
}

TEST(RmsNormGate, AgreesWithTheReference) {
  for (const GateOrder order : kOrders) {
    for (const int64_t rows : {0, 1, 2, 127, 128, 129, 1000}) {
      for (const auto& [width, groups] :
           std::vector<std::pair<int64_t, int64_t>>{{7, 1}, {12, 3}, {128, 1}, {130, 2}}) {
        const Tensors inputs = make_inputs(rows, width);
        expect_close(run(inputs, groups, order), run_plainly(inputs, groups, order), 1e-11);
        const Tensors rounded = to(inputs, torch::kFloat);
        expect_close(run(rounded, groups, order),
                     run_plainly(to(rounded, torch::kDouble), groups, order), 1e-5);
      }
    }
  }
}

TEST(RmsNormGate, IsTheNormOfTheFormula) {
  const Tensors in = make_inputs(1, 4);
  const Tensor gate = in[1] * torch::sigmoid(in[1]);
  const auto norm = [&](const Tensor& v) { return v / (v.square().mean() + kEps).sqrt() * in[2]; };
  expect_close({rms_norm_gate(in[0], in[1], in[2], 1, kEps, GateOrder::GateFirst)},
               {norm(in[0] * gate)}, 1e-12);
  expect_close({rms_norm_gate(in[0], in[1], in[2], 1, kEps, GateOrder::NormFirst)},
               {norm(in[0]) * gate}, 1e-12);
}

TEST(RmsNormGate, GradientsMatchFiniteDifferences) {
  for (const GateOrder order : kOrders) {
    expect_gradients(
        [&](const Tensors& in) { return rms_norm_gate(in[0], in[1], in[2], 2, kEps, order); },
        make_inputs(3, 6), 1e-6);
  }
}

TEST(RmsNormGate, TakesStridedRows) {
  const Tensors in = make_inputs(50, 16);
  const Tensor joined = torch::cat({in[0], in[1]}, 1);
  for (const GateOrder order : kOrders) {
    EXPECT_TRUE(torch::equal(
        rms_norm_gate(joined.narrow(1, 0, 16), joined.narrow(1, 16, 16), in[2], 1, kEps, order),
        rms_norm_gate(in[0], in[1], in[2], 1, kEps, order)));
  }
}

TEST(RmsNormGate, SameInputSameBits) {
  const Tensors inputs = to(make_inputs(1000, 128), torch::kFloat);
  for (const GateOrder order : kOrders)
    expect_same_bits(run(inputs, 1, order), run(inputs, 1, order));
}

TEST(RmsNormGate, SurvivesWideGatesAndZeros) {
  Tensors inputs = to(make_inputs(4, 8), torch::kFloat);
  inputs[1][0].fill_(200);
  inputs[1][1].fill_(-200);
  inputs[0][2].fill_(0);
  for (const GateOrder order : kOrders) {
    for (const Tensor& result : run(inputs, 1, order)) {
      EXPECT_TRUE(result.isfinite().all().item<bool>());
    }
  }
}

TEST(RmsNormGate, NamesWhatDoesNotFit) {
  const Tensors in = make_inputs(4, 8);
  const auto error = [&](const Tensor& y, const Tensor& z, const Tensor& weight, int64_t groups) {
    return error_of([&] { rms_norm_gate(y, z, weight, groups, kEps, GateOrder::GateFirst); });
  };
  EXPECT_EQ(error(in[0], in[1], in[2], 2), "no error");
  EXPECT_THAT(error(in[0][0], in[1], in[2], 1), HasSubstr("rms_norm_gate: y must have shape"));
  EXPECT_THAT(error(in[0], in[1][0], in[2], 1), HasSubstr("rms_norm_gate: z must have shape"));
  EXPECT_THAT(error(in[0], in[1], in[2][0], 1), HasSubstr("rms_norm_gate: weight must have shape"));
  EXPECT_THAT(error(in[0], in[1], in[2], 3), HasSubstr("rms_norm_gate: groups must divide"));
}

}  // namespace rms_norm_gate_test
}  // namespace seqsweep
