#include "core/nn/ssd_mixer.h"

#include <gtest/gtest.h>

#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

using torch::Tensor;

// Both directions with an operator that only keeps x: what stands around it is what is tested.
class KeepsX : public SsdMixer {
 public:
  KeepsX()
      : SsdMixer(small_ssd_config(),
                 {.directions = 2,
                  .delay = 1,
                  .learned_diagonal = true,
                  .span = ConvSpan::Causal,
                  .order = GateOrder::GateFirst,
                  .norm_groups = 1,
                  .draw_A_log = [](int64_t heads) { return torch::ones({heads}); }}) {}
  bool causal() const override { return true; }
  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    const Projected in = project(x_TD);
    const auto convolved = convolve(in.mixed_TC, sequences);
    return leave(diagonal(convolved[0]).unsqueeze(-1) * in_heads(convolved[0]), in.z_TE);
  }
};

TEST(SsdMixer, ProjectsToGateConvolutionAndTimeSteps) {
  KeepsX mixer;
  const auto parameters = mixer.named_parameters();
  // E = 16, H = 4, G N = 8: z, x and two B and C, two dt.
  EXPECT_EQ(parameters["in_proj.weight"].sizes(),
            (std::vector<int64_t>{16 + 16 + 4 * 8 + 2 * 4, 8}));
  EXPECT_EQ(parameters["conv1d.weight"].sizes(), (std::vector<int64_t>{16 + 4 * 8, 1, 4}));
  EXPECT_EQ(parameters["fc_D.weight"].sizes(), (std::vector<int64_t>{4, 16}));
  EXPECT_EQ(parameters["out_proj.weight"].sizes(), (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(parameters["norm.weight"].sizes(), (std::vector<int64_t>{16}));
  EXPECT_TRUE(torch::equal(parameters["A_log"], torch::ones({4})));
  EXPECT_EQ(parameters.size(), 9U);
}

TEST(SsdMixer, ByHand) {
  KeepsX mixer;
  const torch::NoGradGuard no_grad;
  const auto parameters = mixer.named_parameters();
  const Tensor x_TD = torch::randn({3, 8});
  const Tensor y_TD = mixer.forward(x_TD, pack_all({{1, 2, 3}}));
  const Tensor projected = torch::linear(x_TD, parameters["in_proj.weight"]);
  const Tensor z = projected.narrow(1, 0, 16), before = projected.narrow(1, 16, 16);
  const Tensor padded = torch::cat({torch::zeros({3, 16}), before});
  Tensor x = parameters["conv1d.bias"].narrow(0, 0, 16).repeat({3, 1});
  for (int k = 0; k < 4; ++k) {
    x += padded.narrow(0, k, 3) * parameters["conv1d.weight"].narrow(0, 0, 16).select(2, k).t();
  }
  x = torch::silu(x);
  const Tensor own = torch::linear(x, parameters["fc_D.weight"]) + parameters["D"];
  const Tensor gated = own.repeat_interleave(4, 1) * x * torch::silu(z);
  const Tensor normed = gated * torch::rsqrt(gated.square().mean(1, true) + 1e-5);
  const Tensor plain = torch::linear(normed, parameters["out_proj.weight"]);
  EXPECT_TRUE(torch::allclose(y_TD, plain, 1e-5, 1e-6));
}

}  // namespace
}  // namespace seqsweep
