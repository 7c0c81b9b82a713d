#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/base/error.h"
#include "tests/support/descent.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace {

using torch::Tensor;

constexpr int64_t kPagedSize = 5 * 256 + 77;
// Of 8 bytes a parameter and of 2 with scales: everything, some blocks at a time, one at a time.
const std::vector<double> kBudgetsMb{1, 0.005, 0.00001};

Json paged(const char* bits, double budget_mb, Json settings = Json::object()) {
  settings["name"] = "paged_adamw";
  settings["state_bits"] = bits;
  settings["device_budget_mb"] = budget_mb;
  return settings;
}

Tensor paged_gradient(int step) {
  torch::manual_seed(100 + step);
  return torch::randn({kPagedSize}) * torch::logspace(-3, 0, kPagedSize);
}

Tensor after_steps(const Json& spec, int steps) {
  torch::manual_seed(1);
  Descent descent(torch::randn({kPagedSize}), spec);
  for (int step = 0; step < steps; ++step) descent.step(paged_gradient(step));
  return descent.x().clone();
}

TEST(PagedAdamW, OfFullPrecisionIsAdamWWhateverTheBudget) {
  const Json settings{{"weight_decay", 0.1}, {"lr", 0.01}};
  Json adamw = settings;
  adamw["name"] = "adamw";
  const Tensor expected = after_steps(adamw, 8);
  for (const double budget : kBudgetsMb) {
    expect_close({after_steps(paged("32", budget, settings), 8)}, {expected}, 1e-6);
  }
}

TEST(PagedAdamW, OfEightBitsDoesNotDependOnTheBudget) {
  const Tensor expected = after_steps(paged("8", 1), 8);
  for (const double budget : kBudgetsMb) {
    EXPECT_TRUE(torch::equal(after_steps(paged("8", budget), 8), expected)) << budget;
  }
}

int64_t state_bytes(const Json& spec) {
  Descent descent(torch::ones({256 * 1000}), spec);
  int64_t bytes = 0;
  for (const auto& [name, tensor] : descent.optimizer->state()) bytes += tensor.nbytes();
  return bytes;
}

TEST(PagedAdamW, EightBitsAreAQuarterAndTheirScales) {
  const int64_t scales = 2 * 4 * 1000, steps = 8;
  EXPECT_LE(state_bytes(paged("8", 1)), state_bytes({{"name", "adamw"}}) / 4 + scales + steps);
  EXPECT_EQ(state_bytes(paged("8", 0.01)), state_bytes(paged("8", 1)));
}

// |A x - b|^2 of an ill-conditioned A.
double convex_loss_after(const Json& spec, int steps) {
  torch::manual_seed(3);
  const Tensor A = torch::randn({600, 300}) * torch::logspace(-1, 0, 300);
  const Tensor b = A.mv(torch::randn({300})) + 0.1 * torch::randn({600});
  Descent descent(torch::zeros({300}), spec);
  for (int step = 0; step < steps; ++step) {
    descent.step(A.t().mv(A.mv(descent.x()) - b) / 600);
  }
  return (A.mv(descent.x()) - b).square().mean().item<double>();
}

TEST(PagedAdamW, EightBitsSolveAConvexProblemAsAdamWDoes) {
  const Json settings{{"lr", 0.02}, {"weight_decay", 0}};
  Json adamw = settings;
  adamw["name"] = "adamw";
  const double start = convex_loss_after(adamw, 0);
  for (const int steps : {50, 200, 800}) {
    const double full = convex_loss_after(adamw, steps);
    const double eight = convex_loss_after(paged("8", 1, settings), steps);
    EXPECT_NEAR(eight, full, 0.01 * start) << "steps " << steps << ", from " << start;
    EXPECT_LT(eight, 1.25 * full) << "steps " << steps;
  }
}

// A network of two layers learns what another one computes.
double network_loss_after(const Json& spec, int steps) {
  torch::manual_seed(4);
  namespace nn = torch::nn;
  nn::Sequential teacher(nn::Linear(16, 32), nn::Tanh(), nn::Linear(32, 1));
  nn::Sequential student(nn::Linear(16, 64), nn::Tanh(), nn::Linear(64, 1));
  const Tensor x = torch::randn({512, 16}), y = teacher->forward(x).detach();
  Parameters parameters(*student);
  const auto optimizer = optimizers().make(spec, {parameters});
  double last = 0;
  for (int step = 0; step < steps; ++step) {
    parameters.gradients().zero_();
    const Tensor loss = nn::functional::mse_loss(student->forward(x), y);
    loss.backward();
    optimizer->step(1);
    last = loss.item<double>();
  }
  return last;
}

TEST(PagedAdamW, EightBitsTrainANetworkAsAdamWDoes) {
  const Json settings{{"lr", 0.005}};
  Json adamw = settings;
  adamw["name"] = "adamw";
  const double before = network_loss_after(adamw, 1), full = network_loss_after(adamw, 150);
  const double eight = network_loss_after(paged("8", 0.001, settings), 150);
  EXPECT_LT(full, before / 20);
  EXPECT_LT(eight, before / 20);
}

TEST(PagedAdamW, RestoredStateGoesOnWithTheSameBits) {
  for (const char* bits : {"32", "8"}) {
    const Json spec = paged(bits, 0.005, {{"warm_up_steps", 4}});
    Descent first(torch::ones({kPagedSize}), spec);
    for (int step = 0; step < 3; ++step) first.step(paged_gradient(step));
    Descent second(first.x(), spec);
    NamedTensors saved;  // As a checkpoint holds them: apart from the optimizer.
    for (const auto& [name, tensor] : first.optimizer->state()) {
      saved.emplace_back(name, tensor.clone());
    }
    copy_tensors(saved, second.optimizer->state(), "state");
    for (int step = 3; step < 6; ++step) {
      EXPECT_EQ(first.step(paged_gradient(step)).learning_rate,
                second.step(paged_gradient(step)).learning_rate);
    }
    EXPECT_TRUE(torch::equal(first.x(), second.x())) << bits;
  }
}

TEST(PagedAdamW, RefusesWhatMakesNoSense) {
  const auto refused = [](const Json& spec, const std::string& word) {
    expect_error([&] { Descent(torch::ones({9}), spec); }, {word});
  };
  refused(paged("16", 1), "32");
  refused(paged("8", 0), "device_budget_mb");
  refused(paged("8", 1, {{"decay_steps", 3}}), "optimizer paged_adamw: decay_steps: 3 needs");
  expect_error([] { Descent(torch::ones({9}, torch::kDouble), paged("8", 1)); },
               {"state_bits: 8 needs parameters of float32"});
}

}  // namespace
}  // namespace seqsweep
