#include <gmock/gmock.h>
#include <torch/types.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/random.h"
#include "core/train/optimizer.h"
#include "tests/support/descent.h"

namespace seqsweep {
namespace {

torch::Tensor random_tensor(uint64_t seed, int64_t size) {
  Rng rng(seed);
  torch::Tensor x = torch::empty({size});
  for (int64_t i = 0; i < size; ++i) x[i] = rng.normal();
  return x;
}

class AdamTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Both, AdamTest, ::testing::Values("adam", "adamw"));

// tests/golden/make_adam.py
TEST_P(AdamTest, EqualsPyTorchInFloat64) {
  const Json golden = Json::parse(read_file(SEQSWEEP_SOURCE_DIR "/tests/golden/adam.json"));
  Json spec = golden.at("settings");
  spec["name"] = GetParam();
  const auto tensor = [](const Json& values) {
    return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64);
  };
  Descent descent(tensor(golden.at("start")), spec);
  for (size_t i = 0; i < golden.at("gradients").size(); ++i) {
    const StepReport report = descent.step(tensor(golden.at("gradients")[i]));
    EXPECT_EQ(report.learning_rate, 0.05);
    const torch::Tensor expected = tensor(golden.at(GetParam())[i]);
    EXPECT_TRUE(torch::allclose(descent.point.x, expected, 1e-12, 1e-14)) << "step " << i;
  }
}

// The papers' formulas, number by number.
TEST_P(AdamTest, Float32FollowsTheFormulasInFloat64) {
  constexpr int64_t kSize = 1000;
  const double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, decay = 0.1;
  Descent descent(random_tensor(1, kSize),
                  {{"name", GetParam()}, {"lr", lr}, {"beta2", beta2}, {"weight_decay", decay}});
  const bool decoupled = std::string(GetParam()) == "adamw";
  std::vector<double> x(kSize), m(kSize), v(kSize);
  for (int64_t i = 0; i < kSize; ++i) x[i] = descent.point.x[i].item<double>();
  for (int step = 1; step <= 20; ++step) {
    const torch::Tensor gradient = random_tensor(100 + step, kSize);
    descent.step(gradient);
    const float* gradients = gradient.data_ptr<float>();
    for (int64_t i = 0; i < kSize; ++i) {
      const double g = gradients[i] + (decoupled ? 0 : decay * x[i]);
      if (decoupled) x[i] -= lr * decay * x[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(beta1, step));
      const double v_hat = v[i] / (1 - std::pow(beta2, step));
      x[i] -= lr * m_hat / (std::sqrt(v_hat) + eps);
    }
  }
  const float* values = descent.parameters.values().data_ptr<float>();
  for (int64_t i = 0; i < kSize; ++i) EXPECT_NEAR(values[i], x[i], 2e-6 * (1 + std::abs(x[i])));
}

TEST_P(AdamTest, RestoredStateGoesOnWithTheSameBits) {
  const Json spec = {{"name", GetParam()}, {"weight_decay", 0.1}, {"average", 0.9}};
  const torch::Tensor start = random_tensor(1, 77);
  Descent first(start, spec);
  for (int step = 0; step < 5; ++step) first.step(random_tensor(10 + step, 77));

  Descent second(first.parameters.values(), spec);
  const NamedTensors saved = first.optimizer->state();
  ASSERT_FALSE(saved.empty());
  copy_tensors(saved, second.optimizer->state(), "state");
  for (int step = 5; step < 10; ++step) {
    first.step(random_tensor(10 + step, 77));
    second.step(random_tensor(10 + step, 77));
    EXPECT_TRUE(torch::equal(first.point.x, second.point.x)) << step;
    EXPECT_TRUE(torch::equal(first.optimizer->averaged(), second.optimizer->averaged())) << step;
  }
  Descent without_state(first.parameters.values(), spec);
  without_state.step(random_tensor(1, 77));
  first.step(random_tensor(1, 77));
  EXPECT_FALSE(torch::equal(first.point.x, without_state.point.x));
}

TEST_P(AdamTest, RefusesSettingsThatMakeNoSense) {
  for (const Json& wrong : {Json{{"lr", 0}}, Json{{"lr", -1}}, Json{{"beta1", 1}},
                            Json{{"beta2", -0.1}}, Json{{"eps", 0}}, Json{{"average", 1}},
                            Json{{"weight_decay", -1}}, Json{{"momentum", 0.9}}}) {
    Json spec = wrong;
    spec["name"] = GetParam();
    EXPECT_THROW(Descent(torch::ones({1}), spec), Error) << spec;
  }
}

TEST_P(AdamTest, AveragesItsParametersAndMovesAsWithout) {
  const torch::Tensor start = random_tensor(1, 9);
  Descent plain(start, {{"name", GetParam()}});
  Descent averaging(start, {{"name", GetParam()}, {"average", 0.75}});
  EXPECT_FALSE(plain.optimizer->averaged().defined());
  torch::Tensor expected = torch::zeros({9});
  for (int step = 1; step <= 8; ++step) {
    for (Descent* descent : {&plain, &averaging}) descent->step(random_tensor(10 + step, 9));
    expected += std::max(1.0 / step, 0.25) * (plain.x() - expected);
    EXPECT_TRUE(torch::equal(averaging.x(), plain.x())) << step;
    EXPECT_TRUE(torch::allclose(averaging.optimizer->averaged(), expected, 1e-5, 1e-6)) << step;
  }
}

TEST_P(AdamTest, HasNoAverageBeforeItsFirstStep) {
  Descent descent(random_tensor(1, 4), {{"name", GetParam()}, {"average", 0.9}});
  EXPECT_FALSE(descent.optimizer->averaged().defined());
  descent.step(random_tensor(2, 4));
  EXPECT_TRUE(descent.optimizer->averaged().defined());
}

TEST_P(AdamTest, FollowsTheScheduleOfItsLearningRateAlsoAfterARestore) {
  const Json spec = {{"name", GetParam()},
                     {"lr", 0.5},
                     {"warm_up_steps", 2},
                     {"decay", "linear"},
                     {"decay_steps", 6}};
  const std::vector<double> expected{0, 0.25, 0.5, 0.375, 0.25, 0.125, 0};
  const torch::Tensor start = torch::ones({3});
  Descent whole(start, spec), first(start, spec);
  for (int step = 0; step < 7; ++step) {
    EXPECT_DOUBLE_EQ(whole.step(random_tensor(step, 3)).learning_rate, expected[step]);
    if (step == 0) {
      EXPECT_TRUE(torch::equal(whole.x(), start));
    }
    if (step < 3) first.step(random_tensor(step, 3));
  }
  Descent second(first.x(), spec);
  copy_tensors(first.optimizer->state(), second.optimizer->state(), "state");
  for (int step = 3; step < 7; ++step) {
    EXPECT_DOUBLE_EQ(second.step(random_tensor(step, 3)).learning_rate, expected[step]);
  }
  EXPECT_TRUE(torch::equal(second.x(), whole.x()));
}

TEST(AdamW, DecaysByDefaultAndAdamDoesNot) {
  Descent adam(torch::ones({3}), {{"name", "adam"}});
  Descent adamw(torch::ones({3}), {{"name", "adamw"}});
  for (Descent* descent : {&adam, &adamw}) descent->step(torch::zeros({3}));
  EXPECT_TRUE(torch::equal(adam.point.x, torch::ones({3})));
  EXPECT_TRUE(torch::allclose(adamw.point.x, torch::full({3}, 1 - 0.001 * 0.01), 0, 1e-8));
}

}  // namespace
}  // namespace seqsweep
