#include "core/lm/projection.h"

#include <gtest/gtest.h>

#include "core/lm/llama.h"
#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

TEST(Lora, EqualsPeft) {
  const Json golden = read_golden("language_models").at("cases").at("adapted_llama");
  for (const auto& [dtype, tolerance] : {std::pair{torch::kDouble, 1e-10}, {torch::kFloat, 1e-4}}) {
    Llama model(Llama::config_of(golden.at("config")));
    adapt(model, {"q_proj", "v_proj"},
          {.rank = golden.at("lora").at("rank"),
           .alpha = golden.at("lora").at("alpha"),
           .dropout = 0});
    expect_golden_language_model(model, golden, dtype, tolerance);
    for (const auto& entry : model.named_parameters()) {
      EXPECT_EQ(entry.value().requires_grad(),
                golden.at("gradients").size() > 0 && entry.key().find("lora_") != std::string::npos)
          << entry.key();
    }
  }
}

TEST(Lora, StartsAsNothingAndMergesIntoTheWeight) {
  for (const WeightOrder order : {WeightOrder::OutIn, WeightOrder::InOut}) {
    torch::manual_seed(1);
    Projection projection(6, 4, /*bias=*/true, order);
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : projection.parameters()) parameter.normal_();
    projection.eval();
    const torch::Tensor x = torch::randn({3, 6}), before = projection.forward(x);
    projection.adapt({.rank = 2});
    EXPECT_TRUE(torch::equal(projection.forward(x), before));
    for (torch::Tensor& parameter : projection.parameters()) {
      if (parameter.requires_grad()) parameter.normal_();
    }
    const torch::Tensor adapted = projection.forward(x);
    EXPECT_FALSE(torch::allclose(adapted, before, 1e-2));
    projection.merge();
    EXPECT_TRUE(torch::allclose(projection.forward(x), adapted, 1e-4, 1e-5));
    EXPECT_EQ(projection.parameters().size(), 2U);
  }
}

TEST(QuantizedProjection, IsTheLayerWithTheReadWeight) {
  for (const WeightOrder order : {WeightOrder::OutIn, WeightOrder::InOut}) {
    torch::manual_seed(4);
    Projection projection(64, 32, /*bias=*/true, order);
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : projection.parameters()) parameter.normal_();
    const torch::Tensor x = torch::randn({3, 64}), before = projection.forward(x);
    projection.quantize(WeightFormat::Int8);
    EXPECT_LT((projection.forward(x) - before).norm().item<double>(),
              0.02 * before.norm().item<double>());
    EXPECT_EQ(projection.parameters().size(), 1U);  // The bias.
    EXPECT_EQ(projection.buffers().size(), 2U);
  }
}

TEST(QuantizedProjection, Bf16IsTheAdaptedLayerOfRoundedWeights) {
  torch::manual_seed(6);
  Projection rounded(40, 24, /*bias=*/true), held(40, 24, /*bias=*/true);
  const torch::Tensor x = torch::randn({20, 40}), d_y = torch::randn({20, 24});
  const torch::Tensor weight = torch::randn({24, 40}).to(torch::kBFloat16).to(torch::kFloat);
  const torch::Tensor B = torch::randn({24, 2});
  std::vector<torch::Tensor> results;
  for (Projection* projection : {&rounded, &held}) {
    {
      const torch::NoGradGuard no_grad;
      projection->named_parameters()["weight"].copy_(weight);
    }
    if (projection == &held) projection->quantize(WeightFormat::Bf16);
    torch::manual_seed(7);
    projection->adapt({.rank = 2, .dropout = 0.1});
    {
      const torch::NoGradGuard no_grad;
      projection->named_parameters()["lora_B"].copy_(B);
    }
    const torch::Tensor in = x.clone().requires_grad_();
    torch::manual_seed(8);
    const torch::Tensor y = projection->forward(in);
    y.backward(d_y);
    results.insert(results.end(), {y, in.grad(), projection->named_parameters()["lora_A"].grad(),
                                   projection->named_parameters()["lora_B"].grad()});
  }
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(torch::allclose(results[i], results[i + 4], 1e-5, 1e-5)) << i;
  }
  EXPECT_EQ(held.buffers().size(), 1U);
}

TEST(QuantizedProjection, AWeightOfTheMetaDeviceComesLater) {
  torch::manual_seed(9);
  Projection projection(16, 8, /*bias=*/false, WeightOrder::OutIn, torch::kMeta);
  EXPECT_TRUE(projection.parameters()[0].is_meta());
  const QuantizedWeight weight = quantize(torch::randn({8, 16}), WeightFormat::Nf4);
  projection.hold(weight);
  EXPECT_TRUE(projection.quantized());
  const torch::Tensor x = torch::randn({3, 16});
  EXPECT_TRUE(torch::equal(projection.forward(x), quantized_linear(x, weight, {})));
  EXPECT_TRUE(projection.parameters().empty());
}

TEST(QuantizedProjection, AdaptersTrainOnFixedWeights) {
  torch::manual_seed(5);
  Llama model({.vocabulary = 12,
               .width = 32,
               .layers = 1,
               .heads = 2,
               .groups = 2,
               .head_width = 16,
               .inner_width = 64,
               .max_length = 16});
  quantize(model, WeightFormat::Nf4);
  adapt(model, {"q_proj", "v_proj"}, {.rank = 2, .dropout = 0});
  next_token_loss(model, {{1, 2, 3, 4}}).backward();
  int64_t trained = 0;
  for (const auto& entry : model.named_parameters()) {
    if (!entry.value().requires_grad()) continue;
    ++trained;
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
  }
  EXPECT_EQ(trained, 4);
}

TEST(Lora, AModuleThatIsNotThereIsRefusedWithThoseThatAre) {
  Llama model({.vocabulary = 8,
               .width = 8,
               .layers = 1,
               .heads = 2,
               .groups = 2,
               .head_width = 4,
               .inner_width = 8});
  try {
    adapt(model, {"q_proj", "c_attn"}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'c_attn'"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("gate_proj"), std::string::npos);
  }
}

}  // namespace
}  // namespace seqsweep
