#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <functional>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/optimizer.h"
#include "tests/support/descent.h"
#include "tests/support/golden.h"

namespace seqsweep {
namespace {

using torch::Tensor;

Json usgm_spec(Json settings) {
  settings["name"] = "usgm";
  return settings;
}

Tensor normal_tensor(Rng& rng, int64_t size) {
  Tensor x = torch::empty({size}, torch::kFloat64);
  for (int64_t i = 0; i < size; ++i) x[i] = rng.normal();
  return x;
}

// ---- step by step against NumPy ----

class UsgmGoldenTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, UsgmGoldenTest,
                         ::testing::Values("bare", "bounded", "ball", "diagonal", "diagonal_ball",
                                           "grows", "diagonal_grows", "decay", "decay_bounded",
                                           "decay_bare", "decay_grows", "average", "look_again",
                                           "batch_power"));

TEST_P(UsgmGoldenTest, EqualsNumPyInFloat64) {
  const Json golden = read_golden("usgm");
  const Json& path = golden.at("cases").at(GetParam()).at("path");
  const Tensor curvature = to_tensor(golden.at("curvature"));
  const Tensor centre = to_tensor(golden.at("centre"));
  Descent descent(to_tensor(golden.at("start")),
                  usgm_spec(golden.at("cases").at(GetParam()).at("settings")));
  const auto expect_near = [&](double value, const Json& expected, const char* what, size_t k) {
    if (expected.is_null()) {
      EXPECT_TRUE(std::isnan(value)) << what << " of step " << k;
    } else {
      EXPECT_NEAR(value, expected.get<double>(), 1e-12 * (1 + std::abs(expected.get<double>())))
          << what << " of step " << k;
    }
  };
  for (size_t k = 0; k < path.size(); ++k) {
    const auto gradient = [&] {
      return curvature * (descent.x() - centre) + to_tensor(golden.at("noise")[k]);
    };
    const StepReport report = descent.step(gradient(), 1 + static_cast<int64_t>(k) % 3);
    if (descent.optimizer->looks_again()) {
      descent.parameters.gradients().copy_(gradient());
      descent.optimizer->look_again();
    }
    const Tensor expected = to_tensor(path[k].at("x"));
    EXPECT_TRUE(torch::allclose(descent.x(), expected, 1e-12, 1e-12)) << "step " << k;
    expect_near(descent.optimizer->report().h, path[k].at("h"), "H", k);
    expect_near(report.beta, path[k].at("beta"), "beta", k);
    expect_near(report.r, path[k].at("r"), "r", k);
    expect_near(report.learning_rate, path[k].at("length"), "length", k);
    expect_near(report.gradient_square, path[k].at("square"), "|g|^2", k);
    expect_near(report.gradient_overlap, path[k].at("overlap"), "<g, g before>", k);
    const Tensor averaged = descent.optimizer->averaged();
    if (!averaged.defined()) continue;
    EXPECT_TRUE(torch::allclose(averaged, to_tensor(path[k].at("average")), 1e-12, 1e-12)) << k;
  }
}

TEST(UsgmGolden, IsRemade) {
  expect_golden_is_remade("usgm", "numpy");
}

// ---- what the theory promises (Rodomanov et al. 2024) on problems with known solutions ----

struct Problem {
  std::function<double(const Tensor&)> value;     // Its least is 0.
  std::function<Tensor(const Tensor&)> gradient;  // Or a subgradient.
  Tensor start;
  double diameter = 0;  // Of the ball around the start that has the solution.
};

// f of the mean iterate after so many steps, with noise of this standard deviation in all.
double error_after(const Problem& problem, int64_t steps, double sigma, double lr = 1e3,
                   uint64_t seed = 7) {
  Descent descent(problem.start, usgm_spec({{"diameter", problem.diameter},
                                            {"lr", lr},
                                            {"max_step", 0},
                                            {"projection", "ball"},
                                            {"average", 0}}));
  Rng rng(seed);
  const auto size = problem.start.numel();
  for (int64_t k = 0; k < steps; ++k) {
    const Tensor noise = normal_tensor(rng, size) * sigma / std::sqrt(double(size));
    descent.step(problem.gradient(descent.x()) + noise);
  }
  return problem.value(descent.optimizer->averaged());
}

constexpr int64_t kSize = 20;

// sum_i l_i (x_i - c_i)^2 / 2, l from 0.5 to L = 10.
Problem smooth_problem() {
  Rng rng(1);
  const Tensor centre = normal_tensor(rng, kSize);
  const Tensor curvature = torch::linspace(0.5, 10, kSize, torch::kFloat64);
  return {
      [=](const Tensor& x) { return (curvature * (x - centre).square()).sum().item<double>() / 2; },
      [=](const Tensor& x) { return curvature * (x - centre); },
      torch::zeros({kSize}, torch::kFloat64), 2 * centre.norm().item<double>()};
}

// |x - c|_1: the subgradients differ by up to L_0 = 2 sqrt(size).
Problem non_smooth_problem() {
  Rng rng(2);
  const Tensor centre = normal_tensor(rng, kSize);
  return {[=](const Tensor& x) { return (x - centre).abs().sum().item<double>(); },
          [=](const Tensor& x) { return torch::sign(x - centre); },
          torch::zeros({kSize}, torch::kFloat64), 2 * centre.norm().item<double>()};
}

TEST(UsgmTheory, SmoothProblemsConvergeAsOneOverK) {
  const Problem problem = smooth_problem();
  const double square = problem.diameter * problem.diameter;
  double before = 0;
  for (const int64_t steps : {100, 400, 1600}) {
    const double error = error_after(problem, steps, 0);
    EXPECT_LE(error, 8 * 10 * square / double(steps));
    if (before > 0) {
      EXPECT_LE(error, before / 3.5) << steps;
    }
    before = error;
  }
}

TEST(UsgmTheory, NonSmoothProblemsConvergeAsOneOverRootK) {
  const Problem problem = non_smooth_problem();
  const double lipschitz = 2 * std::sqrt(double(kSize));
  double before = 0;
  for (const int64_t steps : {100, 400, 1600}) {
    const double error = error_after(problem, steps, 0);
    EXPECT_LE(error, 8 * lipschitz * problem.diameter / std::sqrt(double(steps)));
    if (before > 0) {
      EXPECT_LE(error, before / 1.8) << steps;
    }
    before = error;
  }
}

// 8 L D^2 / k + 4 sigma D / sqrt(k), without being told sigma. What is expected is a mean.
TEST(UsgmTheory, NoisyProblemsConvergeWithoutKnowingTheNoise) {
  const Problem problem = smooth_problem();
  const double d = problem.diameter;
  for (const double sigma : {1.0, 10.0}) {
    double before = 0;
    for (const int64_t steps : {100, 1600, 6400}) {
      double error = 0;
      for (const uint64_t seed : {1, 2, 3, 4}) {
        error += error_after(problem, steps, sigma, 1e3, seed) / 4;
      }
      EXPECT_LE(error, 8 * 10 * d * d / double(steps) + 4 * sigma * d / std::sqrt(double(steps)));
      if (before > 0) {
        EXPECT_LE(error, before / (steps == 1600 ? 3.6 : 1.8)) << sigma << " " << steps;
      }
      before = error;
    }
  }
}

// H finds the curvature from below, so the learning rate only has to be large enough.
TEST(UsgmTheory, TheLearningRateBoundsOnlyTheFirstSteps) {
  const Problem problem = smooth_problem();
  const double large = error_after(problem, 400, 0, 1e2),
               larger = error_after(problem, 400, 0, 1e6);
  EXPECT_LT(std::abs(large - larger), 0.5 * std::max(large, larger));
  EXPECT_GT(error_after(problem, 400, 0, 1e-6),
            100 * large);  // Too small a one is the step forever.
}

// A diameter that is guessed far too small costs some steps, and no more.
TEST(UsgmTheory, AGrowingDiameterForgivesASmallGuess) {
  const Problem problem = smooth_problem();
  const auto error = [&](double diameter, bool grows) {
    Descent descent(problem.start,
                    usgm_spec({{"diameter", diameter}, {"diameter_grows", grows}, {"lr", 1e3}}));
    for (int k = 0; k < 2000; ++k) descent.step(problem.gradient(descent.x()));
    return problem.value(descent.x());
  };
  const double start = problem.value(problem.start);
  for (const double guess : {1e-4, 1e-2, 1.0}) EXPECT_LT(error(guess, true), 1e-4 * start) << guess;
  EXPECT_GT(error(1e-4, false), 0.5 * start);
}

// ---- an optimizer among others ----

TEST(Usgm, RestoredStateGoesOnWithTheSameBits) {
  const Json spec = usgm_spec({{"metric", "diagonal"},
                               {"projection", "ball"},
                               {"diameter", 1},
                               {"average", 1},
                               {"look_again_every", 2}});
  Rng rng(3);
  const auto gradient = [&] { return normal_tensor(rng, 77).to(torch::kFloat); };
  Descent first(gradient(), spec);
  const auto step_both = [&](Descent& a, Descent& b) {
    const Tensor g = gradient(), again = gradient();
    for (Descent* descent : {&a, &b}) {
      descent->step(g);
      if (!descent->optimizer->looks_again()) continue;
      descent->parameters.gradients().copy_(again);
      descent->optimizer->look_again();
    }
  };
  Descent twin(first.x(), spec);
  for (int i = 0; i < 5; ++i) step_both(first, twin);
  Descent second(first.x(), spec);
  copy_tensors(first.optimizer->state(), second.optimizer->state(), "state");
  for (int i = 0; i < 5; ++i) {
    step_both(first, second);
    EXPECT_TRUE(torch::equal(first.x(), second.x())) << i;
    EXPECT_TRUE(torch::equal(first.optimizer->averaged(), second.optimizer->averaged())) << i;
  }
}

TEST(Usgm, NoStepIsLongerThanItsPartOfTheDiameter) {
  Descent descent(torch::zeros({5}), usgm_spec({{"diameter", 3}, {"lr", 1e6}}));
  Rng rng(4);
  for (int i = 0; i < 20; ++i) {
    const Tensor before = descent.x().clone();
    descent.step(normal_tensor(rng, 5).to(torch::kFloat) * 1000);
    EXPECT_LE((descent.x() - before).norm().item<double>(), 0.3 * (1 + 1e-6));
  }
}

// The bound of a step by its gradient leaves a small one any length.
TEST(Usgm, WeightDecayNeverTakesMoreThanItsBoundedPart) {
  const Tensor start = torch::linspace(-3, 3, 7, torch::kDouble), gradient = start * 1e-6;
  const auto end = [&](double max_step) {
    Descent descent(start,
                    usgm_spec({{"lr", 1000}, {"weight_decay", 0.1}, {"max_step", max_step}}));
    descent.step(gradient);
    return descent.x() + 1000 * gradient;
  };
  EXPECT_TRUE(torch::allclose(end(0.1), 0.9 * start));
  EXPECT_TRUE(torch::allclose(end(0), -99 * start));  // The bare form has no bound.
}

TEST(Usgm, BeforeTheFirstStepThereIsNoAverage) {
  Descent descent(torch::ones({3}), usgm_spec({{"average", 1}}));
  EXPECT_FALSE(descent.optimizer->averaged().defined());
  descent.step(torch::ones({3}));
  EXPECT_TRUE(torch::equal(descent.optimizer->averaged(), descent.x()));
}

TEST(Usgm, AGradientOfZeroMovesNothing) {
  Descent descent(torch::ones({3}), usgm_spec({{"metric", "diagonal"}}));
  for (int i = 0; i < 3; ++i) descent.step(torch::zeros({3}));
  EXPECT_TRUE(torch::equal(descent.x(), torch::ones({3})));
}

TEST(Usgm, RefusesSettingsThatMakeNoSense) {
  for (const Json& wrong :
       {Json{{"diameter", 0}}, Json{{"lr", 0}}, Json{{"max_step", -1}}, Json{{"beta2", 1}},
        Json{{"metric", "round"}}, Json{{"average", -1}}, Json{{"look_again_every", -1}},
        Json{{"projection", "ball"}, {"weight_decay", 0.1}},
        Json{{"projection", "ball"}, {"diameter_grows", true}}}) {
    EXPECT_THROW(Descent(torch::ones({1}), usgm_spec(wrong)), Error) << wrong;
  }
}

}  // namespace
}  // namespace seqsweep
