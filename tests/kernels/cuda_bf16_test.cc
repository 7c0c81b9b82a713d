// The kernels of training in bfloat16 on a GPU, against their references in float64 of the same
// rounded numbers.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/conv1d_silu.h"
#include "kernels/linear_cross_entropy.h"
#include "kernels/lru_scan.h"
#include "kernels/packed_attention.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/seeded_dropout.h"
#include "kernels/selective_scan.h"
#include "kernels/ssd.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_bf16_test {

using torch::Tensor;

const std::vector<int> kLengths{1, 0, 33, 70, 8};
constexpr int64_t kTokens = 112;

class CudaBf16 : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (!IsSkipped() && !device_.is_cuda()) GTEST_SKIP() << "on the CPU bfloat16 is an error";
    torch::manual_seed(18);
  }
  static Tensor draw(at::IntArrayRef sizes) { return torch::randn(sizes); }
  static Tensors rounded(const Tensors& inputs) {
    return to(to(inputs, torch::kBFloat16), torch::kFloat);
  }

  // The first `activations` inputs are bfloat16, the others float. Rounded once, a tensor is off by
  // 2^-9 of its norm at most: its numbers have 8 bits.
  void expect_in_bf16(const Function& reference, const Function& op, const Tensors& drawn,
                      size_t activations, double roundings) const {
    const Tensors inputs = rounded(drawn);
    Tensors there = on_gpu(inputs);
    for (size_t i = 0; i < activations; ++i) there[i] = there[i].to(torch::kBFloat16);
    const Tensor plain = reference(to(inputs, torch::kDouble));
    const Tensor weights = plain.dim() == 0
                               ? torch::ones({}, torch::kDouble)
                               : torch::sin(torch::arange(plain.numel()).to(torch::kDouble))
                                     .view(plain.sizes())
                                     .to(torch::kBFloat16)
                                     .to(torch::kDouble);
    const Tensors ours = with_gradients(op, there, weights);
    expect_relative(ours, with_gradients(reference, to(inputs, torch::kDouble), weights),
                    roundings / 512 + 1e-4);
    expect_same_bits(with_gradients(op, there, weights), ours);
    EXPECT_EQ(ours[0].scalar_type(), plain.dim() == 0 ? torch::kFloat : torch::kBFloat16);
    for (size_t i = 0; i < there.size(); ++i) {
      EXPECT_EQ(ours[i + 1].scalar_type(), there[i].scalar_type()) << "gradient " << i;
    }
  }
};

TEST_F(CudaBf16, SelectiveScan) {
  const Tensor offsets = offsets_of(kLengths);
  for (const auto& [channels, states] :
       {std::pair<int64_t, int64_t>{40, 16}, {33, 5}, {3, 32}, {8, 100}}) {
    SCOPED_TRACE(testing::Message() << channels << " channels, " << states << " states");
    const Tensors inputs{draw({kTokens, channels}), draw({kTokens, channels}),
                         draw({kTokens, states}),   draw({kTokens, states}),
                         draw({kTokens, channels}), -draw({channels, states}).exp(),
                         draw({channels}),          draw({channels}) - 1};
    const auto as_inputs = [&](const Tensors& v, const Tensors& at) {
      return SelectiveScanInputs{
          at[0], at[1], v[5], at[2], at[3], v[6], at[4], v[7], offsets.to(v[0].device())};
    };
    expect_in_bf16([&](const Tensors& v) { return selective_scan_reference(as_inputs(v, v)); },
                   [&](const Tensors& v) {
                     return selective_scan(as_inputs(v, as_slices({v[0], v[1], v[2], v[3], v[4]})));
                   },
                   inputs, 5, /*roundings=*/1);
  }
}

TEST_F(CudaBf16, SelectiveScanGoesOnFromAState) {
  const Tensors inputs = rounded({draw({9, 6}), draw({9, 6}), draw({9, 4}), draw({9, 4}),
                                  draw({9, 6}), -draw({6, 4}).exp(), draw({6}), draw({6})});
  const auto scan = [&](c10::Device device, at::ScalarType dtype, at::ScalarType of_parameters,
                        Tensor& state) {
    const auto x = [&](size_t i) { return inputs[i].to(device, dtype); };
    const auto parameter = [&](size_t i) { return inputs[i].to(device, of_parameters); };
    const Tensor offsets = offsets_of({4, 5}).to(device);
    return selective_scan_from(
        {x(0), x(1), parameter(5), x(2), x(3), parameter(6), x(4), parameter(7), offsets}, state);
  };
  Tensor exact = torch::ones({2, 6, 4}, torch::kDouble), state = torch::ones({2, 6, 4}, device_);
  const Tensor expected = scan(torch::kCPU, torch::kDouble, torch::kDouble, exact);
  const Tensor y = scan(device_, torch::kBFloat16, torch::kFloat, state);
  expect_relative({y}, {expected}, 1.0 / 512 + 1e-4);
  expect_relative({state}, {exact}, 1e-5);  // Which was never rounded.
}

TEST_F(CudaBf16, Conv1dSilu) {
  const Tensor offsets = offsets_of(kLengths);
  for (const int64_t channels : {20, 33, 150}) {
    for (const auto& [width, span] :
         {std::pair{4, ConvSpan::Causal}, {7, ConvSpan::Centred}, {9, ConvSpan::Causal}}) {
      SCOPED_TRACE(testing::Message() << channels << " channels, width " << width);
      expect_in_bf16(
          [&](const Tensors& v) { return conv1d_silu_reference(v[0], v[1], v[2], offsets, span); },
          [&](const Tensors& v) {
            const Tensor x = as_slices({v[0], v[0].detach()})[0];
            return conv1d_silu(x, v[1], v[2], offsets.to(device_), span);
          },
          {draw({kTokens, channels}), draw({channels, width}), draw({channels})}, 1,
          /*roundings=*/1);
    }
  }
}

TEST_F(CudaBf16, Conv1dSiluGoesOnFromATail) {
  const Tensors inputs = rounded({draw({9, 6}), draw({6, 4}), draw({6}), draw({2, 3, 6})});
  const Tensor offsets = offsets_of({2, 7});
  const Tensors exact = to(inputs, torch::kDouble), there = on_gpu(inputs);
  Tensor exact_tail = exact[3].clone(), tail = there[3].to(torch::kBFloat16);
  const Tensor expected = conv1d_silu_from(exact[0], exact[1], exact[2], offsets, exact_tail);
  const Tensor y = conv1d_silu_from(there[0].to(torch::kBFloat16), there[1], there[2],
                                    offsets.to(device_), tail);
  expect_relative({y, tail}, {expected, exact_tail}, 1.0 / 512 + 1e-5);
}

TEST_F(CudaBf16, RmsNormGate) {
  for (const auto& [width, groups] :
       {std::pair<int64_t, int64_t>{31, 1}, {64, 4}, {256, 2}, {400, 1}, {1028, 1}}) {
    for (const GateOrder order : {GateOrder::GateFirst, GateOrder::NormFirst}) {
      SCOPED_TRACE(testing::Message() << width << " in " << groups);
      expect_in_bf16(
          [&](const Tensors& v) {
            return rms_norm_gate_reference(v[0], v[1], v[2], groups, 1e-5, order);
          },
          [&](const Tensors& v) {
            const Tensors at = as_slices({v[0], v[1]});
            return rms_norm_gate(at[0], at[1], v[2], groups, 1e-5, order);
          },
          {draw({70, width}), draw({70, width}), draw({width})}, 2, /*roundings=*/1);
    }
  }
}

// y and the gradient of x are rounded more than once, and sums of rounded numbers may cancel.
TEST_F(CudaBf16, Ssd) {
  const Tensor offsets = offsets_of(kLengths);
  struct Case {
    int64_t heads, width, groups, state;
  };
  for (const Case& c : {Case{4, 16, 2, 16}, {3, 33, 1, 31}, {2, 64, 1, 128}}) {
    const auto of_groups = [&] { return draw({kTokens, c.groups, c.state}); };
    const Tensors inputs{draw({kTokens, c.heads, c.width}),
                         draw({kTokens, c.heads}),
                         of_groups(),
                         of_groups(),
                         -draw({c.heads}).exp(),
                         draw({c.heads}),
                         draw({c.heads}) - 1};
    const auto as_inputs = [&](const Tensors& v, const Tensors& at) {
      return SsdInputs{at[0], at[1], v[4], at[2], at[3], v[5], v[6], offsets.to(v[0].device())};
    };
    expect_in_bf16([&](const Tensors& v) { return ssd_reference(as_inputs(v, v)); },
                   [&](const Tensors& v) {
                     return ssd(as_inputs(v, as_slices({v[0], v[1], v[2], v[3]})));
                   },
                   inputs, 4, /*roundings=*/3);
  }
}

TEST_F(CudaBf16, BidirectionalSsd) {
  const Tensor offsets = offsets_of(kLengths);
  const auto of_groups = [] { return draw({kTokens, 2, 16}); };
  const Tensors inputs{draw({kTokens, 4, 20}),
                       draw({kTokens, 4}),
                       draw({kTokens, 4}),
                       of_groups(),
                       of_groups(),
                       of_groups(),
                       of_groups(),
                       draw({kTokens, 4}),
                       -draw({4}).exp(),
                       draw({4}) - 1};
  const auto as_inputs = [&](const Tensors& v) {
    return BidirectionalSsdInputs{
        v[0], v[1], v[2], v[8], v[3], v[4], v[5], v[6], v[9], v[7], offsets.to(v[0].device())};
  };
  expect_in_bf16([&](const Tensors& v) { return bidirectional_ssd_reference(as_inputs(v)); },
                 [&](const Tensors& v) { return bidirectional_ssd(as_inputs(v)); }, inputs, 8,
                 /*roundings=*/3);
}

TEST_F(CudaBf16, PackedAttention) {
  const Tensor offsets = offsets_of(kLengths);
  for (const int64_t width : {8, 31, 32, 64, 100}) {
    for (const double dropout : {0.0, 0.4}) {
      SCOPED_TRACE(testing::Message() << "width " << width << ", dropout " << dropout);
      const AttentionOptions options{dropout, 77};
      expect_in_bf16(
          [&](const Tensors& v) {
            return packed_attention_reference(v[0], v[1], v[2], offsets, options);
          },
          [&](const Tensors& v) {
            const Tensors at = as_slices(v);
            return packed_attention(at[0], at[1], at[2], offsets.to(device_), 70, options);
          },
          draw({3, kTokens, 3, width}).unbind(), 3, /*roundings=*/2);
    }
  }
}

// The gradients of the scores are rounded, and what comes of them.
TEST_F(CudaBf16, LinearCrossEntropy) {
  for (const bool bias : {true, false}) {
    for (const int64_t negatives : {0, 64}) {
      SCOPED_TRACE(testing::Message() << "bias " << bias << ", negatives " << negatives);
      Tensors inputs{draw({70, 24}), draw({257, 24})};
      if (bias) inputs.push_back(draw({257}));
      const Tensor targets = torch::randint(257, {70}, torch::kLong);
      const Tensor sampled = torch::randint(257, {negatives}, torch::kLong);
      const Tensor log_expected = torch::rand({negatives});
      const auto loss = [&](auto all, auto some) {
        return [&, all, some](const Tensors& v) {
          const auto there = [&](const Tensor& x) { return x.to(v[0].device()); };
          const Tensor bias_V = bias ? v[2] : Tensor();
          if (negatives == 0) return all(v[0], v[1], bias_V, there(targets));
          return some(v[0], v[1], bias_V, there(targets), there(sampled),
                      there(log_expected).to(v[1].scalar_type()));
        };
      };
      expect_in_bf16(loss(linear_cross_entropy_reference, sampled_cross_entropy_reference),
                     loss(linear_cross_entropy, sampled_cross_entropy), inputs, 1,
                     /*roundings=*/3);
    }
  }
}

TEST_F(CudaBf16, SeededDropout) {
  const Tensor x = draw({70, 33}).to(torch::kBFloat16);
  const Tensor y = seeded_dropout(x.to(device_), 0.5, 21);  // Scaled by 2: nothing is rounded.
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(
      torch::equal(y.cpu().to(torch::kFloat), seeded_dropout(x.to(torch::kFloat), 0.5, 21)));
}

// The gradient of lambda is of rounded states.
TEST_F(CudaBf16, LruScan) {
  const Tensor offsets = offsets_of(kLengths), radius = 0.5 + 0.4 * torch::rand({20});
  const Tensor angle = 6.28 * torch::rand({20});
  expect_in_bf16(
      [&](const Tensors& v) {
        return lru_scan_reference({v[0], v[1], offsets});
      },
      [&](const Tensors& v) {
        return lru_scan({v[0], v[1], offsets.to(device_)});
      },
      {draw({kTokens, 40}), torch::stack({radius * angle.cos(), radius * angle.sin()})}, 1,
      /*roundings=*/2);
}

TEST_F(CudaBf16, ParametersMustBeFloat) {
  const Tensor x = draw({5, 4}).to(device_, torch::kBFloat16);
  expect_error(
      [&] {
        rms_norm_gate(x, x, torch::ones({4}).to(device_, torch::kBFloat16), 1, 1e-5,
                      GateOrder::GateFirst);
      },
      {"rms_norm_gate", "beside BFloat16", "must be Float", "is BFloat16"});
}

TEST(Bf16OnTheCpu, IsAnErrorThatSaysSo) {
  const Tensor x = torch::ones({5, 4}, torch::kBFloat16), weight = torch::ones({4});
  const Tensor offsets = offsets_of({5});
  for (const std::function<void()>& call : std::vector<std::function<void()>>{
           [&] { rms_norm_gate(x, x, weight, 1, 1e-5, GateOrder::GateFirst); },
           [&] {
             conv1d_silu(x, torch::ones({4, 2}), weight, offsets, ConvSpan::Causal);
           },
           [&] { seeded_dropout(x, 0.5, 1); },
           [&] {
             lru_scan({x, torch::ones({2, 2}), offsets});
           }}) {
    expect_error(call, {"takes float, on the CPU also double, on CUDA also bfloat16",
                        "it got BFloat16 on cpu"});
  }
}

}  // namespace cuda_bf16_test
}  // namespace seqsweep
