#include "core/train/parameters.h"

#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

struct TwoLayers : torch::nn::Module {
  TwoLayers() {
    first = register_module("first", torch::nn::Linear(3, 4));
    second = register_module("second", torch::nn::Linear(4, 2));
    frozen = register_parameter("frozen", torch::ones({5}), /*requires_grad=*/false);
  }
  torch::Tensor forward(const torch::Tensor& x) { return second(torch::tanh(first(x))); }
  torch::nn::Linear first{nullptr}, second{nullptr};
  torch::Tensor frozen;
};

TEST(Parameters, AreViewsOfOneTensor) {
  TwoLayers module;
  const torch::Tensor before = module.second->bias.detach().clone();
  const torch::Tensor frozen = module.frozen;
  Parameters parameters(module);
  ASSERT_EQ(parameters.values().numel(), 3 * 4 + 4 + 4 * 2 + 2);
  ASSERT_EQ(parameters.slices().size(), 4u);
  EXPECT_EQ(parameters.slices()[3].name, "second.bias");
  EXPECT_EQ(parameters.slices()[3].begin, 24);
  EXPECT_TRUE(torch::equal(module.second->bias, before));
  parameters.values().zero_();
  EXPECT_EQ(module.second->bias.abs().sum().item<float>(), 0);
  EXPECT_EQ(module.frozen.sum().item<float>(), 5);
}

TEST(Parameters, GradientsOfSeveralBackwardsAddUp) {
  TwoLayers module;
  Parameters parameters(module);
  const torch::Tensor x = torch::ones({2, 3});
  module.forward(x).sum().backward();
  const torch::Tensor once = parameters.gradients().clone();
  EXPECT_GT(once.abs().sum().item<float>(), 0);
  module.forward(x).sum().backward();
  EXPECT_TRUE(torch::allclose(parameters.gradients(), 2 * once));
  parameters.loss_and_targets().fill_(7);
  EXPECT_EQ(parameters.sums().numel(), parameters.gradients().numel() + 2);
  parameters.sums().zero_();
  EXPECT_EQ(module.first->weight.grad().abs().sum().item<float>(), 0);
  EXPECT_EQ(parameters.loss_and_targets().sum().item<float>(), 0);
}

TEST(Parameters, MustShareAPreciseType) {
  TwoLayers half;
  half.to(torch::kBFloat16);
  EXPECT_THROW(Parameters{half}, Error);
  TwoLayers mixed;
  mixed.second->to(torch::kFloat64);
  EXPECT_THROW(Parameters{mixed}, Error);
}

TEST(Parameters, OfAModelWithoutAnyAreEmpty) {
  torch::nn::Module none;
  Parameters parameters(none);
  EXPECT_EQ(parameters.values().numel(), 0);
}

}  // namespace
}  // namespace seqsweep
