#include "core/lm/recompute.h"

#include <gtest/gtest.h>

#include "core/lm/gpt2.h"
#include "core/lm/llama.h"
#include "core/lm/mamba2_lm.h"
#include "core/lm/projection.h"
#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

const LlamaConfig kSmallLlama{.vocabulary = 12,
                              .width = 16,
                              .layers = 2,
                              .heads = 2,
                              .groups = 1,
                              .head_width = 8,
                              .inner_width = 24,
                              .max_length = 16};

// Loss and gradients of one step with dropout.
std::vector<torch::Tensor> train_once(LanguageModel& model, bool recompute) {
  model.recompute_layers(recompute);
  model.train();
  model.zero_grad();
  torch::manual_seed(11);
  const torch::Tensor loss = next_token_loss(model, {{1, 2, 3, 4, 5}, {6, 7, 8}});
  loss.backward();
  std::vector<torch::Tensor> all = {loss.detach().clone()};
  for (const torch::Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) all.push_back(parameter.grad().clone());
  }
  // What is drawn afterwards is the same too.
  all.push_back(torch::rand({1}));
  return all;
}

void expect_the_same_bits(LanguageModel& model) {
  const auto kept = train_once(model, false), again = train_once(model, true);
  ASSERT_EQ(kept.size(), again.size());
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(torch::equal(kept[i], again[i])) << i;
}

TEST(Recompute, ALayersGradientsAreTheSameBits) {
  Gpt2 gpt2({.vocabulary = 12,
             .width = 16,
             .layers = 3,
             .heads = 2,
             .inner_width = 32,
             .max_length = 16,
             .dropout = 0.3});
  expect_the_same_bits(gpt2);
  Llama llama(kSmallLlama);
  expect_the_same_bits(llama);
  Mamba2Lm mamba2({.vocabulary = 12, .width = 8, .layers = 2, .state = 4, .head_width = 4});
  expect_the_same_bits(mamba2);
}

// The embedding below the first layer is fixed, so nothing that comes into it asks for a gradient.
TEST(Recompute, AdaptersHaveTheirGradients) {
  Llama llama(kSmallLlama);
  torch::manual_seed(3);
  adapt(llama, {"q_proj", "v_proj"}, {.rank = 2, .alpha = 4, .dropout = 0.2});
  const auto gradients = train_once(llama, true);
  EXPECT_GT(gradients[1].abs().sum().item<float>() + gradients[2].abs().sum().item<float>(), 0);
  expect_the_same_bits(llama);
}

TEST(Recompute, WhatIsComputedOnTheWayIsComputedTwice) {
  int calls = 0;
  const torch::Tensor x = torch::ones({2}).requires_grad_();
  const torch::Tensor y = recomputed(
      [&](const torch::Tensor& in) {
        ++calls;
        return in * in;
      },
      x);
  EXPECT_EQ(calls, 1);
  y.sum().backward();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(torch::equal(x.grad(), 2 * torch::ones({2})));
}

}  // namespace
}  // namespace seqsweep
