#include "core/train/gradient_sum.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

#include "tests/support/data_parallel.h"
#include "tests/support/thread_group.h"

namespace seqsweep {
namespace {

constexpr int64_t kParts = 11;  // Microbatches of two of the toy's 22 users.

std::vector<int64_t> everyone_in_order() {
  std::vector<int64_t> users(kToyUsers);
  std::iota(users.begin(), users.end(), 0);
  return users;
}

std::vector<Microbatch> all_of(const std::vector<int64_t>& users) {
  std::vector<Microbatch> step;
  for (size_t i = 0; i < kParts; ++i) step.push_back({std::span(users).subspan(2 * i, 2), i});
  return step;
}

// Of one rank, by hand.
torch::Tensor expected_sums(const std::vector<int64_t>& users) {
  ToyTask task;
  Parameters parameters(task.module());
  for (const Microbatch& microbatch : all_of(users)) {
    const LossSum loss = task.loss(microbatch.examples, microbatch.seed);
    loss.sum.backward();
    parameters.loss_and_targets()[0] += loss.sum.detach();
    parameters.loss_and_targets()[1] += loss.count;
  }
  return parameters.sums().clone();
}

TEST(GradientSum, IsTheSameForAnyRanksAndSpeeds) {
  const std::vector<int64_t> users = everyone_in_order();
  const torch::Tensor expected = expected_sums(users);
  const std::vector<Microbatch> step = all_of(users);
  for (const int ranks : {1, 2, 3, 4, 13}) {  // Of 13 ranks two have nothing.
    run_ranks(ranks, [&](Group& group) {
      ToyTask task;
      Parameters parameters(task.module());
      GradientSum sum(task, parameters, group, system_clock());
      Rng rng(5);
      for (int i = 0; i < 6; ++i) {
        sum.compute(step);
        EXPECT_TRUE(torch::allclose(parameters.sums(), expected, 1e-5, 1e-6)) << ranks;
        torch::Tensor of_first = parameters.sums().clone();
        group.broadcast(of_first, 0);
        EXPECT_TRUE(torch::equal(of_first, parameters.sums())) << ranks;
        std::vector<double> seconds;
        for (int r = 0; r < ranks; ++r) seconds.push_back(0.001 + rng.uniform());
        sum.observe(seconds);
      }
    });
  }
}

TEST(GradientSum, OfOneRankHasTheBitsOfTheSumByHand) {
  const std::vector<int64_t> users = everyone_in_order();
  ToyTask task;
  Parameters parameters(task.module());
  const auto alone = make_local_group();
  GradientSum sum(task, parameters, *alone, system_clock());
  sum.compute(all_of(users));
  EXPECT_TRUE(torch::equal(parameters.sums(), expected_sums(users)));
  EXPECT_EQ(sum.seconds(), 0);  // Nobody wants to know.
}

TEST(GradientSum, OfNothingIsZero) {
  ToyTask task;
  Parameters parameters(task.module());
  parameters.sums().fill_(3);
  const auto alone = make_local_group();
  GradientSum(task, parameters, *alone, system_clock()).compute({});
  EXPECT_EQ(parameters.sums().abs().sum().item<float>(), 0);
}

TEST(GradientSum, MeasuresItsOwnMicrobatchesByItsClock) {
  struct ClockedTask : ToyTask {
    LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
      clock.now_ms += 40;
      return ToyTask::loss(examples, seed);
    }
    ManualClock clock;
  };
  const std::vector<int64_t> users = everyone_in_order();
  const std::vector<Microbatch> step = all_of(users);
  run_ranks(2, [&](Group& group) {
    ClockedTask task;
    Parameters parameters(task.module());
    GradientSum sum(task, parameters, group, task.clock);
    sum.compute(step);
    EXPECT_NEAR(sum.seconds(), 0.04, 1e-9);
    sum.agree({});  // It has been told.
    EXPECT_EQ(sum.seconds(), 0);
    sum.compute({step.data(), 1});
    EXPECT_NEAR(sum.seconds(), group.rank() == 0 ? 0.04 : 0, 1e-9);
  });
}

TEST(GradientSum, FollowsASlowRank) {
  run_ranks(4, expect_division_follows_a_slow_rank);
}

// A loss that throws in the middle leaves sums that were started and are never waited for.
TEST(GradientSum, ARankThatFailsIsNotWaitedFor) {
  const std::vector<int64_t> users = everyone_in_order();
  const std::vector<Microbatch> step = all_of(users);
  const auto fails = [&] {
    run_ranks(3, [&](Group& group) {
      struct FailingTask : ToyTask {
        LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
          if (fails) throw_run("no memory");
          return ToyTask::loss(examples, seed);
        }
        bool fails = false;
      } task;
      task.fails = group.rank() == 1;
      Parameters parameters(task.module());
      GradientSum(task, parameters, group, system_clock()).compute(step);
    });
  };
  EXPECT_THROW(fails(), Error);
}

}  // namespace
}  // namespace seqsweep
