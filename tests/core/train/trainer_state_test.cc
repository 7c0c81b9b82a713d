#include <gmock/gmock.h>
#include <torch/types.h>

#include <numeric>

#include "core/base/error.h"
#include "tests/support/thread_group.h"
#include "tests/support/toy_run.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using TrainerStateTest = ToyRunTest;

TEST_F(TrainerStateTest, StoppedAtAnyStepAndResumedGivesTheSameBits) {
  ToyRun undisturbed(folder("undisturbed"), *alone_);
  ASSERT_EQ(undisturbed.trainer.run(), Outcome::Finished);
  ASSERT_EQ(undisturbed.trainer.summary().steps, 12);
  for (int64_t step = 0; step < 12; ++step) {
    const auto at = folder(std::to_string(step));
    ToyRun stopped(at, *alone_);
    stopped.recorder.stop_before_step = step;
    EXPECT_EQ(stopped.trainer.run(), Outcome::Preempted);
    EXPECT_EQ(stopped.trainer.summary().steps, step);
    ToyRun resumed(at, *alone_);
    EXPECT_EQ(resumed.trainer.run(), Outcome::Finished);
    EXPECT_EQ(told_by(resumed), told_by(undisturbed)) << "stopped before step " << step;
    EXPECT_EQ(resumed.task->epochs_begun.front(), step / 3) << "resumed in the wrong epoch";
  }
}

// All that later steps depend on: H, the step before, the moments, the fit, the batch, the
// averages.
TEST_F(TrainerStateTest, AnAdaptiveRunIsResumedWithTheSameBits) {
  const auto make = [&](const std::string& name) {
    return std::make_unique<ToyRun>(
        folder(name), *alone_, toy_settings(), std::make_unique<ToyTask>(),
        Json{{"name", "usgm"}, {"metric", "diagonal"}, {"average", 1}, {"look_again_every", 3}},
        Json{{"name", "adaptive"}, {"min_steps_per_epoch", 1}});
  };
  const auto undisturbed = make("undisturbed");
  ASSERT_EQ(undisturbed->trainer.run(), Outcome::Finished);
  const int64_t steps = undisturbed->trainer.summary().steps;
  ASSERT_GT(steps, 4);
  for (int64_t step = 1; step < steps; ++step) {
    const std::string at = std::to_string(step);
    const auto stopped = make(at);
    stopped->recorder.stop_before_step = step;
    EXPECT_EQ(stopped->trainer.run(), Outcome::Preempted);
    const auto resumed = make(at);
    EXPECT_EQ(resumed->trainer.run(), Outcome::Finished);
    EXPECT_EQ(told_by(*resumed), told_by(*undisturbed)) << "stopped before step " << step;
  }
}

// checkpoint_s is far away: what is saved is what the survivor saves.
TEST_F(TrainerStateTest, ARankThatIsLeftSavesTheStepThatWasReached) {
  ToyRun undisturbed(folder("undisturbed"), *alone_);
  undisturbed.trainer.run();
  for (const int dead : {0, 1}) {
    const auto at = folder(fmt::format("dead{}", dead));
    const auto attempt = [&](Group& group) {
      ToyRun run(at, group);
      if (group.rank() == dead) run.recorder.kill_after_step = 5;
      run.trainer.run();
    };
    EXPECT_THROW(run_ranks(2, attempt), Killed);
    ToyRun resumed(at, *alone_);
    resumed.recorder.stop_before_step = 0;
    EXPECT_EQ(resumed.trainer.run(), Outcome::Preempted);
    EXPECT_EQ(resumed.trainer.summary().steps, 5);
    ToyRun rest(at, *alone_);
    EXPECT_EQ(rest.trainer.run(), Outcome::Finished);
    ASSERT_EQ(rest.recorder.steps.size(), undisturbed.recorder.steps.size());
    EXPECT_NEAR(rest.recorder.steps.back().loss, undisturbed.recorder.steps.back().loss, 1e-5);
  }
}

// As NCCL's is after a peer's death: a sum on the device may have ended as garbage.
class BrokenGroup : public Group {
 public:
  explicit BrokenGroup(Group& group) : group_(group) {}
  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) override {
    return group_.start_sum(x);
  }
  void broadcast(torch::Tensor& x, int root) override { group_.broadcast(x, root); }
  void require_whole() override { throw_world("another rank failed"); }

 private:
  Group& group_;
};

TEST_F(TrainerStateTest, NothingIsSavedOfAGroupThatIsNotWhole) {
  BrokenGroup broken(*alone_);
  ToyRun stopped(folder("stopped"), broken);
  stopped.recorder.stop_before_step = 5;
  EXPECT_THROW(stopped.trainer.run(), Error);
  EXPECT_FALSE(stopped.checkpoints.load_newest());

  const auto attempt = [&](Group& group) {  // Rank 0 dies, rank 1 is the survivor.
    BrokenGroup broken_group(group);
    ToyRun run(folder("survived"), broken_group);
    if (group.rank() == 0) run.recorder.kill_after_step = 2;
    run.trainer.run();
  };
  EXPECT_THROW(run_ranks(2, attempt), Killed);
  EXPECT_FALSE(CheckpointStore(folder("survived")).load_newest());
}

// An epoch's end moves the position before it is complete.
TEST_F(TrainerStateTest, AValidationThatALossBrokeOffIsMadeAgain) {
  const auto at = folder("broken");
  struct Silent : ToyTask {
    std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
      if (++calls == 4) throw Killed();
      return ToyTask::target_ranks(users, split);
    }
    int calls = 0;
  };
  const auto attempt = [&](Group& group) {
    ToyRun run(at, group, toy_settings(),
               group.rank() == 1 ? std::make_unique<Silent>() : std::make_unique<ToyTask>());
    run.trainer.run();
  };
  EXPECT_THROW(run_ranks(2, attempt), Killed);
  ToyRun rest(at, *alone_), undisturbed(folder("undisturbed"), *alone_);
  EXPECT_EQ(rest.trainer.run(), Outcome::Finished);
  undisturbed.trainer.run();
  EXPECT_EQ(rest.recorder.metrics.size(), undisturbed.recorder.metrics.size());
}

TEST_F(TrainerStateTest, KilledAfterEveryStepInTurnGivesTheSameBits) {
  TrainerSettings settings = toy_settings();
  settings.train.checkpoint_s = 2;  // Every second step, and at an epoch's end.
  ToyRun undisturbed(folder("undisturbed"), *alone_, settings);
  undisturbed.trainer.run();
  for (int64_t step = 1; step <= 12; ++step) {
    ToyRun killed(folder(), *alone_, settings);
    killed.recorder.step_ms = 1000;
    killed.recorder.kill_after_step = step;
    EXPECT_THROW(killed.trainer.run(), Killed) << step;
  }
  ToyRun resumed(folder(), *alone_, settings);
  resumed.recorder.step_ms = 1000;
  resumed.trainer.run();
  EXPECT_EQ(told_by(resumed), told_by(undisturbed));
  EXPECT_GE(resumed.task->epochs_begun.front(), 3);  // It did not start anew.
}

TEST_F(TrainerStateTest, AFinishedRunTrainsNothingAgain) {
  ToyRun first(folder(), *alone_);
  first.trainer.run();
  ToyRun again(folder(), *alone_);
  EXPECT_EQ(again.trainer.run(), Outcome::Finished);
  EXPECT_THAT(again.task->epochs_begun, ElementsAre());
  EXPECT_EQ(told_by(again), told_by(first));
}

TEST_F(TrainerStateTest, ADamagedCheckpointCostsTimeAndNothingElse) {
  ToyRun undisturbed(folder("undisturbed"), *alone_);
  undisturbed.trainer.run();
  ToyRun killed(folder(), *alone_);
  killed.recorder.kill_after_step = 8;  // Checkpoints are of steps 3 and 6.
  EXPECT_THROW(killed.trainer.run(), Killed);
  std::filesystem::resize_file(folder() / "step-000000006.safetensors", 100);
  ToyRun resumed(folder(), *alone_);
  resumed.trainer.run();
  EXPECT_EQ(resumed.task->epochs_begun.front(), 1);
  EXPECT_EQ(told_by(resumed), told_by(undisturbed));
}

TEST_F(TrainerStateTest, AStopOfOneRankStopsAllAtTheSameStepAndAnyNumberMayResume) {
  ToyRun single(folder("single"), *alone_);
  single.trainer.run();
  run_ranks(2, [&](Group& group) {
    ToyRun run(folder(), group);
    if (group.rank() == 1) run.recorder.stop_before_step = 5;
    EXPECT_EQ(run.trainer.run(), Outcome::Preempted);
    EXPECT_EQ(run.trainer.summary().steps, 5);
  });
  run_ranks(3, [&](Group& group) {
    ToyRun run(folder(), group);
    EXPECT_EQ(run.trainer.run(), Outcome::Finished);
    const double expected = single.recorder.steps.back().loss;
    EXPECT_EQ(run.recorder.steps.size(), 12u);
    EXPECT_NEAR(run.recorder.steps.back().loss, expected, 1e-6 * expected);
  });
}

TEST_F(TrainerStateTest, WhatGoesOnElsewhereForOneRankEndsOnAllWithoutACheckpoint) {
  run_ranks(2, [&](Group& group) {
    ToyRun run(folder(), group);
    if (group.rank() == 1) run.recorder.elsewhere_after_step = 2;
    EXPECT_THAT(failure_of(run.trainer, Fault::Run, "error"), HasSubstr("goes on elsewhere"));
    EXPECT_EQ(run.recorder.progress.step, 2);
  });
  EXPECT_FALSE(CheckpointStore(folder()).load_newest());
}

TEST_F(TrainerStateTest, ACheckpointOfAnotherRunIsRefused) {
  ToyRun first(folder(), *alone_);
  first.trainer.run();
  TrainerSettings settings = toy_settings();
  settings.identity = "other";
  ToyRun other(folder(), *alone_, settings);
  EXPECT_THAT(failure_of(other.trainer, Fault::Input, "input"),
              HasSubstr("belongs to the run 'toy'"));

  ProbeOptimizer stateless(other.parameters);
  Trainer reshaped({*other.task, other.parameters, stateless, *other.schedule, *alone_,
                    other.checkpoints, other.recorder, other.clock},
                   toy_settings());
  EXPECT_THAT(failure_of(reshaped, Fault::Input, "input"), HasSubstr("tensors, needed are"));
}

}  // namespace
}  // namespace seqsweep
