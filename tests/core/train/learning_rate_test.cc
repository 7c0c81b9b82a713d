#include "core/train/learning_rate.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "tests/support/descent.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace {

LearningRate learning_rate(const LearningRateConfig& config,
                           std::function<std::optional<int64_t>()> planned_steps = {}) {
  Point point(torch::ones({1}));
  Parameters parameters(point);
  return LearningRate("adam", config, {parameters, std::move(planned_steps)});
}

// transformers 5.23: [get_linear_schedule_with_warmup's lambda(k) for k in range(9)] of 3 and 8
// steps, and get_constant_schedule_with_warmup's of 3.
const std::vector<double> kLinear{0, 1 / 3.0, 2 / 3.0, 1, 0.8, 0.6, 0.4, 0.2, 0};
const std::vector<double> kConstant{0, 1 / 3.0, 2 / 3.0, 1, 1, 1, 1, 1, 1};

void expect_rates(const LearningRate& rate, const std::vector<double>& expected) {
  for (size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(rate.at(static_cast<int64_t>(k)), 0.5 * expected[k], 1e-15) << "step " << k;
  }
}

TEST(LearningRate, WarmsUpAndStaysOrFalls) {
  expect_rates(learning_rate({.lr = 0.5}), {1, 1, 1});
  expect_rates(learning_rate({.lr = 0.5, .warm_up_steps = 3}), kConstant);
  const LearningRateConfig linear{
      .lr = 0.5, .warm_up_steps = 3, .decay = Decay::Linear, .decay_steps = 8};
  expect_rates(learning_rate(linear), kLinear);
  EXPECT_EQ(learning_rate(linear).at(1000), 0);
}

TEST(LearningRate, FallsOverThePlannedSteps) {
  const LearningRateConfig linear{.lr = 0.5, .warm_up_steps = 3, .decay = Decay::Linear};
  expect_rates(learning_rate(linear, [] { return 8; }), kLinear);
  // A run that ends within its warm-up, or that trains nothing by gradients.
  for (const int steps : {0, 2}) {
    expect_rates(learning_rate(linear, [=] { return steps; }), {0, 1 / 3.0, 2 / 3.0, 1, 0});
  }
  learning_rate({.lr = 0.5}, []() -> std::optional<int64_t> { throw_run("not needed"); });
}

TEST(LearningRate, RefusesWhatContradictsItself) {
  expect_error([] { learning_rate({.decay_steps = 5}); },
               {"optimizer adam", "decay_steps: 5 needs decay: linear"});
  expect_error(
      [] { learning_rate({.warm_up_steps = 5, .decay = Decay::Linear, .decay_steps = 5}); },
      {"optimizer adam", "they are 5 and 5"});
  expect_error([] { learning_rate({.decay = Decay::Linear}); },
               {"optimizer adam", "needs decay_steps"});
  expect_error([] { learning_rate({.decay = Decay::Linear}, [] { return std::nullopt; }); },
               {"needs decay_steps"});
}

}  // namespace
}  // namespace seqsweep
