// Every optimizer on a GPU, and models that are fitted without gradients.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "core/data/registry.h"
#include "tests/support/descent.h"
#include "tests/support/device_task.h"
#include "tests/support/on_gpu.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

const std::vector<Json> kOptimizersOnGpus{
    {{"name", "adam"}, {"lr", 0.01}},
    {{"name", "adam"}, {"lr", 0.01}, {"average", 0.9}, {"weight_decay", 0.01}},
    {{"name", "adamw"},
     {"lr", 0.01},
     {"warm_up_steps", 2},
     {"decay", "linear"},
     {"decay_steps", 20}},
    {{"name", "usgm"}, {"lr", 0.5}},
    {{"name", "usgm"}, {"lr", 0.5}, {"metric", "diagonal"}, {"projection", "ball"}, {"average", 2}},
    {{"name", "usgm"}, {"lr", 0.5}, {"diameter", 0.1}, {"diameter_grows", true}},
    {{"name", "usgm"}, {"lr", 0.5}, {"look_again_every", 2}, {"weight_decay", 0.1}},
    {{"name", "paged_adamw"}, {"lr", 0.01}},
    {{"name", "paged_adamw"}, {"lr", 0.01}, {"device_budget_mb", 0.05}},
    {{"name", "paged_adamw"}, {"lr", 0.01}, {"state_bits", "8"}},
    {{"name", "paged_adamw"}, {"lr", 0.01}, {"state_bits", "8"}, {"device_budget_mb", 0.02}},
};

class CudaOptimizer : public GpuTest, public testing::WithParamInterface<Json> {
 protected:
  static torch::Tensor gradient(int64_t step) {
    torch::manual_seed(200 + step);
    return torch::randn({kSize});
  }
  static torch::Tensor start() {
    torch::manual_seed(199);
    return torch::randn({kSize});
  }
  // Steps [first, end) with made-up gradients.
  static void descend(Descent& descent, int64_t first, int64_t end) {
    for (int64_t step = first; step < end; ++step) {
      descent.parameters.gradients().copy_(gradient(step));
      descent.optimizer->step(/*microbatches=*/1);
      if (!descent.optimizer->looks_again()) continue;
      descent.parameters.gradients().copy_(1.1 * gradient(step));
      descent.optimizer->look_again();
    }
  }
  static constexpr int64_t kSize = 40'001;
};

std::string optimizer_name(const testing::TestParamInfo<Json>& info) {
  return info.param["name"].get<std::string>() + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Gpu, CudaOptimizer, testing::ValuesIn(kOptimizersOnGpus), optimizer_name);

TEST_P(CudaOptimizer, MakesTheStepsOfTheCpu) {
  Descent plain(start(), GetParam()), ours(start().to(device_), GetParam());
  EXPECT_EQ(ours.x().device().type(), device_.type());
  descend(plain, 0, 6);
  descend(ours, 0, 6);
  const bool rounded = GetParam().value("state_bits", "32") == "8";
  EXPECT_LE(relative_norm(ours.x().cpu() - start(), plain.x() - start()), rounded ? 0.02 : 1e-4);
  const StepReport report = ours.optimizer->report(), expected = plain.optimizer->report();
  for (const auto& [mine, his] : {std::pair{report.learning_rate, expected.learning_rate},
                                  {report.h, expected.h},
                                  {report.r, expected.r},
                                  {report.beta, expected.beta},
                                  {report.gradient_square, expected.gradient_square}}) {
    EXPECT_EQ(std::isnan(mine), std::isnan(his));
    if (std::isnan(his)) continue;
    EXPECT_NEAR(mine, his, 1e-3 * std::abs(his) + 1e-6);
  }
  const torch::Tensor averaged = ours.optimizer->averaged();
  ASSERT_EQ(averaged.defined(), plain.optimizer->averaged().defined());
  if (averaged.defined()) {
    EXPECT_LE(relative_norm(averaged, plain.optimizer->averaged()), 1e-4);
  }
}

TEST_P(CudaOptimizer, TwoCallsGiveTheSameBits) {
  Descent once(start().to(device_), GetParam()), twice(start().to(device_), GetParam());
  descend(once, 0, 4);
  descend(twice, 0, 4);
  EXPECT_TRUE(torch::equal(once.x(), twice.x()));
}

// As a checkpoint does: out to the host, and into a new optimizer.
TEST_P(CudaOptimizer, GoesOnFromItsState) {
  Descent whole(start().to(device_), GetParam()), before(start().to(device_), GetParam());
  descend(whole, 0, 6);
  descend(before, 0, 3);
  Descent after(start().to(device_), GetParam());
  after.x().copy_(before.x().cpu());
  const NamedTensors saved = before.optimizer->state(), restored = after.optimizer->state();
  ASSERT_EQ(saved.size(), restored.size());
  for (size_t i = 0; i < saved.size(); ++i) {
    torch::Tensor into = restored[i].second;
    into.copy_(saved[i].second.cpu());
  }
  descend(after, 3, 6);
  EXPECT_TRUE(torch::equal(after.x(), whole.x()));
}

class CudaFittedModel : public GpuTest, public testing::WithParamInterface<Json> {};

INSTANTIATE_TEST_SUITE_P(Gpu, CudaFittedModel,
                         testing::Values(Json{{"name", "popularity"}},
                                         Json{{"name", "lightfm"}, {"epochs", 2}, {"threads", 1}}),
                         optimizer_name);

TEST_P(CudaFittedModel, RanksAndRecommendsLikeTheCpu) {
  const TemporaryFolder folder;
  const std::shared_ptr<const Dataset> data =
      datasets().make({{"name", "synthetic"}, {"users", 60}, {"items", 40}, {"topics", 3}},
                      DatasetContext{folder.path()});
  const auto there = make_task_on(device_, GetParam(), {{"name", "fit"}}, data);
  const auto here = make_task_on(c10::kCPU, GetParam(), {{"name", "fit"}}, data);
  std::vector<int64_t> users(data->users());
  std::iota(users.begin(), users.end(), 0);
  std::vector<History> histories;
  for (const int64_t user : users) histories.push_back(data->history(user, Split::Test));
  for (Task* task : {there.get(), here.get()}) {
    EXPECT_EQ(task->begin_epoch(0), 0);
    task->module().eval();
  }
  const auto ranks = there->target_ranks(users, Split::Test);
  const auto expected = here->target_ranks(users, Split::Test);
  ASSERT_EQ(ranks.size(), users.size());
  ASSERT_EQ(expected.size(), users.size());
  for (size_t i = 0; i < ranks.size(); ++i) EXPECT_LE(std::abs(ranks[i] - expected[i]), 1) << i;
  for (const Seen seen : {Seen::Listed, Seen::LeftOut}) {
    EXPECT_LE(share_of_other_items(there->recommend(histories, 5, seen),
                                   here->recommend(histories, 5, seen)),
              0.02);
  }
}

}  // namespace
}  // namespace seqsweep
