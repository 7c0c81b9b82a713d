#include "core/train/trainer.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "tests/support/thread_group.h"
#include "tests/support/toy_run.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using TrainerTest = ToyRunTest;

TEST_F(TrainerTest, OverfitsAToyTask) {
  TrainerSettings settings = toy_settings();
  settings.train.epochs = 30;
  ToyRun run(folder(), *alone_, settings);
  EXPECT_EQ(run.trainer.run(), Outcome::Finished);
  const MetricRow& last_rank_metric = run.recorder.metrics.end()[-2];
  EXPECT_EQ(last_rank_metric.name, "mrr@3");
  EXPECT_EQ(last_rank_metric.value, 1.0);
  EXPECT_LT(run.recorder.steps.back().loss, 0.05);
  EXPECT_NEAR(run.recorder.steps.front().loss, std::log(kToyItems), 1e-5);  // Uniform at first.
  EXPECT_FALSE(run.task->module().is_training());
}

TEST_F(TrainerTest, WhatItStartsFromIsToldAndDoesNotCount) {
  TrainerSettings settings = toy_settings();
  settings.validate_first = true;
  ToyRun run(folder(), *alone_, settings);
  run.trainer.run();
  EXPECT_EQ(run.recorder.metrics.front().epoch, 0);
  EXPECT_EQ(run.recorder.metrics.front().split, "validation");
  EXPECT_GT(run.trainer.summary().best_epoch, 0);
}

TEST_F(TrainerTest, TellsStepsMetricsAndProgress) {
  TrainerSettings settings = toy_settings();
  settings.train.log_every = 2;
  ToyRun run(folder(), *alone_, settings);
  run.recorder.step_ms = 500;
  run.trainer.run();
  std::vector<int64_t> steps;
  for (const StepRow& row : run.recorder.steps) steps.push_back(row.step);
  EXPECT_THAT(steps, ElementsAre(2, 4, 6, 8, 10, 12));
  const StepRow& last_of_epoch = run.recorder.steps[2];
  EXPECT_EQ(last_of_epoch.batch_size, 6);  // Of 22 examples 8 + 8 + 6.
  EXPECT_DOUBLE_EQ(last_of_epoch.epoch_position, 2);
  EXPECT_DOUBLE_EQ(last_of_epoch.learning_rate, 0.1);
  EXPECT_TRUE(std::isnan(last_of_epoch.h));

  std::vector<std::string> first_epoch;
  for (const MetricRow& row : run.recorder.metrics) {
    if (row.epoch == 1) first_epoch.push_back(row.split + " " + row.name);
  }
  EXPECT_THAT(first_epoch, ElementsAre("train loss", "validation hit@1", "validation ndcg@1",
                                       "validation mrr@1", "validation hit@3", "validation ndcg@3",
                                       "validation mrr@3", "validation largest"));
  EXPECT_EQ(run.recorder.progress.step, 12);
  EXPECT_DOUBLE_EQ(run.recorder.progress.fraction, 1);
  EXPECT_DOUBLE_EQ(run.recorder.progress.seconds_left, 0);
  EXPECT_DOUBLE_EQ(run.trainer.summary().train_s, 6);
}

// One rank's host is wanted for something else: all pause, and it shows nowhere but in the clock.
TEST_F(TrainerTest, RanksPauseTogetherAndPausesAreNoTrainingTime) {
  ToyRun undisturbed(folder("undisturbed"), *alone_);
  undisturbed.recorder.step_ms = 500;
  undisturbed.trainer.run();
  run_ranks(2, [&](Group& group) {
    ToyRun run(folder(fmt::format("rank {}", group.rank())), group);
    run.recorder.step_ms = 500;
    if (group.rank() == 1) run.recorder.pause_after_step = 4, run.recorder.pauses_wanted = 3;
    EXPECT_EQ(run.trainer.run(), Outcome::Finished);
    EXPECT_EQ(run.recorder.pauses, 3);
    EXPECT_EQ(run.clock.now_ms, 12 * 500 + 3 * Recorder::kPause_ms);
    EXPECT_DOUBLE_EQ(run.trainer.summary().train_s, 6);
    EXPECT_TRUE(
        torch::allclose(run.parameters.values(), undisturbed.parameters.values(), 1e-3, 1e-5));
  });
}

// Between two batches of a validation a rank alone gives way too, and several do not.
TEST_F(TrainerTest, ValidationGivesWayToo) {
  for (const int ranks : {1, 2}) {
    run_ranks(ranks, [&](Group& group) {
      ToyRun run(folder(fmt::format("{} {}", ranks, group.rank())), group);
      run.recorder.pause_after_step = 12;  // The last one: what follows is the validation.
      run.recorder.pauses_wanted = 2;
      run.trainer.run();
      EXPECT_EQ(run.recorder.pauses, ranks == 1 ? 2 : 0);
    });
  }
}

// The example order depends on seed and epoch; it is the same for any number of ranks.
TEST_F(TrainerTest, EpochsDifferInTheirOrder) {
  struct OrderTask : ToyTask {
    LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
      order.insert(order.end(), examples.begin(), examples.end());
      seeds.push_back(seed);
      return ToyTask::loss(examples, seed);
    }
    std::vector<int64_t> order;
    std::vector<uint64_t> seeds;
  };
  TrainerSettings settings = toy_settings();
  settings.train.epochs = 2;
  ToyRun run(folder(), *alone_, settings, std::make_unique<OrderTask>());
  run.trainer.run();
  auto& task = dynamic_cast<OrderTask&>(*run.task);
  ASSERT_EQ(task.order.size(), 2u * kToyUsers);
  const std::vector<int64_t> first(task.order.begin(), task.order.begin() + kToyUsers);
  const std::vector<int64_t> second(task.order.begin() + kToyUsers, task.order.end());
  EXPECT_NE(first, second);
  EXPECT_THAT(first, ::testing::UnorderedElementsAreArray(second));
  std::sort(task.seeds.begin(), task.seeds.end());
  EXPECT_EQ(std::unique(task.seeds.begin(), task.seeds.end()), task.seeds.end());
}

// ---- the step ----

// The gradient of the epoch's only step.
torch::Tensor gradient_of_all(Group& group, const std::filesystem::path& folder,
                              double grad_norm_max = 0) {
  TrainerSettings settings = toy_settings();
  settings.train.microbatches = 100;
  settings.train.epochs = 1;
  settings.train.grad_norm_max = grad_norm_max;
  ToyRun run(folder, group, settings);
  run.task->noise = 0;
  ProbeOptimizer probe(run.parameters);
  Trainer trainer({*run.task, run.parameters, probe, *run.schedule, group, run.checkpoints,
                   run.recorder, run.clock},
                  settings);
  trainer.run();
  EXPECT_EQ(trainer.summary().steps, 1);
  return probe.gradient;
}

TEST_F(TrainerTest, GradientIsTheExactMeanOverTargetsForAnyDivision) {
  ToyTask task;
  task.noise = 0;
  Parameters parameters(task.module());
  std::vector<int64_t> all(kToyUsers);
  std::iota(all.begin(), all.end(), 0);
  const LossSum loss = task.loss(all, 1);
  loss.sum.backward();
  const torch::Tensor expected = parameters.gradients() / loss.count;

  for (const int ranks : {1, 2, 3, 4, 7}) {  // 6 microbatches: 7 ranks leave one without any.
    run_ranks(ranks, [&](Group& group) {
      const torch::Tensor gradient =
          gradient_of_all(group, folder(fmt::format("{} {}", ranks, group.rank())));
      EXPECT_TRUE(torch::allclose(gradient, expected, 1e-5, 1e-8)) << ranks;
    });
  }
}

TEST_F(TrainerTest, LongGradientsAreScaledToTheNorm) {
  const torch::Tensor free = gradient_of_all(*alone_, folder("free"));
  const double norm = free.norm().item<double>();
  const torch::Tensor clipped = gradient_of_all(*alone_, folder("clipped"), norm / 4);
  EXPECT_TRUE(torch::allclose(clipped, free / 4, 1e-5, 1e-8));
  EXPECT_TRUE(torch::equal(gradient_of_all(*alone_, folder("short"), norm * 4), free));
}

TEST_F(TrainerTest, RanksAgreeWithEachOtherAndWithOneRank) {
  ToyRun single(folder("single"), *alone_);
  single.trainer.run();
  for (const int ranks : {2, 3}) {
    std::vector<std::string> told(static_cast<size_t>(ranks));
    run_ranks(ranks, [&](Group& group) {
      ToyRun run(folder(fmt::format("{} {}", ranks, group.rank())), group);
      EXPECT_EQ(run.trainer.run(), Outcome::Finished);
      told[static_cast<size_t>(group.rank())] = told_by(run);
      ASSERT_EQ(run.recorder.steps.size(), single.recorder.steps.size());
      for (size_t i = 0; i < run.recorder.steps.size(); ++i) {
        const double expected = single.recorder.steps[i].loss;
        EXPECT_NEAR(run.recorder.steps[i].loss, expected, 1e-6 * expected) << ranks << " " << i;
      }
      const bool saved = run.checkpoints.load_newest().has_value();
      EXPECT_EQ(saved, group.rank() == 0);  // One rank writes.
    });
    for (const std::string& other : told) EXPECT_EQ(other, told[0]);
  }
}

// ---- failures of the run itself ----

TEST_F(TrainerTest, ANanLossFailsAndNamesItsStep) {
  TrainerSettings settings = toy_settings();
  settings.train.microbatches = 1;
  settings.train.log_every = 4;
  ToyRun run(folder(), *alone_, settings);
  run.task->nan_at_loss = 5;
  EXPECT_THAT(failure_of(run.trainer, Fault::Run, "nan"),
              HasSubstr("the loss of step 5 is not finite"));
  EXPECT_EQ(run.recorder.steps.size(), 1u);  // Of step 4.
}

TEST_F(TrainerTest, ABrokenStateNeverBecomesACheckpoint) {
  TrainerSettings settings = toy_settings();
  settings.train.log_every = 1000;
  settings.train.checkpoint_s = 1;
  ToyRun run(folder(), *alone_, settings);
  run.recorder.step_ms = 2000;
  run.task->nan_at_loss = 3;  // In the second step.
  EXPECT_THAT(failure_of(run.trainer, Fault::Run, "nan"), HasSubstr("step 2"));
  EXPECT_EQ(run.checkpoints.load_newest()->step, 1);
}

TEST_F(TrainerTest, ParametersThatTurnNanAreFoundThoughTheLossWasFinite) {
  ToyRun run(folder(), *alone_);
  ProbeOptimizer probe(run.parameters);
  probe.poison = NAN;
  run.recorder.stop_before_step = 1;
  Trainer trainer({*run.task, run.parameters, probe, *run.schedule, *alone_, run.checkpoints,
                   run.recorder, run.clock},
                  toy_settings());
  EXPECT_THROW(trainer.run(), Error);
  EXPECT_FALSE(run.checkpoints.load_newest());
}

// Asks to see every second step's examples again.
struct LookingProbe : ProbeOptimizer {
  using ProbeOptimizer::ProbeOptimizer;
  void step(int64_t microbatches) override {
    ProbeOptimizer::step(microbatches);
    counts.push_back(microbatches);
  }
  bool looks_again() const override { return counts.size() % 2 == 0; }
  void look_again() override { again.push_back(gradient_now()); }
  torch::Tensor averaged() const override { return average; }
  std::vector<int64_t> counts;
  std::vector<torch::Tensor> again;
  torch::Tensor average;
};

TEST_F(TrainerTest, AnOptimizerMaySeeTheStepsExamplesAgain) {
  TrainerSettings settings = toy_settings();
  settings.train.epochs = 1;
  ToyRun run(folder(), *alone_, settings);
  LookingProbe probe(run.parameters);  // It moves nothing: the gradients must be the same.
  Trainer trainer({*run.task, run.parameters, probe, *run.schedule, *alone_, run.checkpoints,
                   run.recorder, run.clock},
                  settings);
  trainer.run();
  EXPECT_THAT(probe.counts, ElementsAre(2, 2, 2));
  ASSERT_EQ(probe.again.size(), 1U);
  EXPECT_TRUE(torch::equal(probe.again[0], probe.gradients[1]));
  EXPECT_FALSE(torch::equal(probe.gradients[0], probe.gradients[1]));
}

TEST_F(TrainerTest, AveragedParametersAreWhatIsValidatedAndKept) {
  ToyRun run(folder(), *alone_);
  LookingProbe probe(run.parameters);
  probe.poison = 0.25;  // All scores alike: nothing is learnt.
  probe.average = torch::zeros_like(run.parameters.values());
  for (int64_t user = 0; user < kToyContexts; ++user) {
    probe.average[user * kToyItems + (3 * user + 1) % kToyItems] = 1;  // Knows every target.
  }
  Trainer trainer({*run.task, run.parameters, probe, *run.schedule, *alone_, run.checkpoints,
                   run.recorder, run.clock},
                  toy_settings());
  trainer.run();
  EXPECT_EQ(run.recorder.metrics.end()[-2].value, 1.0);
  EXPECT_TRUE(torch::equal(run.parameters.values(), probe.average));
}

TEST_F(TrainerTest, AnAdaptiveScheduleChangesTheStepsAndIsTold) {
  TrainerSettings settings = toy_settings();
  settings.train.log_every = 1000;  // All the same every step is told.
  const Json optimizer = {{"name", "usgm"}, {"diameter", 2}};
  const Json schedule = {{"name", "adaptive"}, {"min_steps_per_epoch", 1}, {"alpha", 0.1}};
  ToyRun run(folder(), *alone_, settings, std::make_unique<ToyTask>(), optimizer, schedule);
  run.trainer.run();
  EXPECT_EQ(std::ssize(run.recorder.steps), run.trainer.summary().steps);
  std::set<int64_t> counts;
  int64_t fits = 0;
  for (const StepRow& row : run.recorder.steps) {
    counts.insert(row.microbatches);
    EXPECT_LE(row.batch_size, 4 * row.microbatches);
    EXPECT_GT(row.batch_size, 4 * (row.microbatches - 1));
    EXPECT_TRUE(std::isfinite(row.h));
    EXPECT_EQ(std::isnan(row.beta), row.step == 1);
    EXPECT_EQ(std::isnan(row.r), row.step == 1);
    fits += std::isfinite(row.c1) && std::isfinite(row.c2);
  }
  EXPECT_GT(counts.size(), 1U);
  EXPECT_GT(fits, 0);

  ToyRun broken(folder("broken"), *alone_, settings, std::make_unique<ToyTask>(), optimizer,
                schedule);
  broken.task->nan_at_loss = 5;  // In the third step: of 2, 2 and 2 microbatches.
  EXPECT_THAT(failure_of(broken.trainer, Fault::Run, "nan"), HasSubstr("the loss of step 3"));
  EXPECT_EQ(broken.recorder.steps.size(), 2U);
}

// ---- validation ----

// Validation ranks by order, one number an evaluation.
struct ScriptedTask : ToyTask {
  explicit ScriptedTask(std::vector<int32_t> script) : ranks(std::move(script)) {}
  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    EXPECT_EQ(split, Split::Validation);
    EXPECT_FALSE(module().is_training());
    if (users.front() == 0) {
      ++evaluation;
      parameters.push_back(module().parameters()[0].detach().clone());
    }
    return std::vector<int32_t>(users.size(), ranks.at(static_cast<size_t>(evaluation)));
  }
  std::vector<int32_t> ranks;
  std::vector<torch::Tensor> parameters;  // At each evaluation.
  int evaluation = -1;
};

TEST_F(TrainerTest, StopsEarlyAndRestoresTheBest) {
  TrainerSettings settings = toy_settings();
  settings.train.epochs = 20;
  settings.train.patience = 2;
  settings.evaluate.cutoffs = {10};
  ToyRun run(folder(), *alone_, settings,
             std::make_unique<ScriptedTask>(std::vector<int32_t>{5, 7, 3, 3, 4, 0}));
  EXPECT_EQ(run.trainer.run(), Outcome::Finished);
  EXPECT_EQ(run.trainer.summary().epochs, 5);
  EXPECT_EQ(run.trainer.summary().best_epoch, 3);
  auto& task = dynamic_cast<ScriptedTask&>(*run.task);
  EXPECT_TRUE(torch::equal(task.module().parameters()[0], task.parameters[2]));
  EXPECT_FALSE(torch::equal(task.parameters[2], task.parameters[4]));

  // The same when it is stopped after the best epoch and resumed by others.
  ToyRun stopped(folder("stopped"), *alone_, settings,
                 std::make_unique<ScriptedTask>(std::vector<int32_t>{5, 7, 3, 3}));
  stopped.recorder.stop_before_step = 4 * 3 + 1;
  EXPECT_EQ(stopped.trainer.run(), Outcome::Preempted);
  ToyRun resumed(folder("stopped"), *alone_, settings,
                 std::make_unique<ScriptedTask>(std::vector<int32_t>{4, 0}));
  EXPECT_EQ(resumed.trainer.run(), Outcome::Finished);
  EXPECT_EQ(told_by(resumed), told_by(run));
}

TEST_F(TrainerTest, ValidatesEverySoManyEpochsAndAtTheEnd) {
  TrainerSettings settings = toy_settings();
  settings.train.epochs = 5;
  settings.train.evaluate_every = 2;
  ToyRun run(folder(), *alone_, settings);
  run.trainer.run();
  std::map<std::string, std::vector<int64_t>> epochs;
  for (const MetricRow& row : run.recorder.metrics) epochs[row.name].push_back(row.epoch);
  EXPECT_THAT(epochs["loss"], ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(epochs["ndcg@1"], ElementsAre(2, 4, 5));
}

TEST_F(TrainerTest, WithNothingToTrainTheModelIsValidatedAsItIs) {
  TrainerSettings no_epochs = toy_settings();
  no_epochs.train.epochs = 0;
  ToyRun untrained(folder("untrained"), *alone_, no_epochs);
  ToyRun fitted(folder("fitted"), *alone_, toy_settings(), std::make_unique<ToyTask>(0));
  for (ToyRun* run : {&untrained, &fitted}) {
    EXPECT_EQ(run->trainer.run(), Outcome::Finished);
    EXPECT_EQ(run->trainer.summary().steps, 0);
    EXPECT_EQ(run->trainer.summary().epochs, 0);
    ASSERT_EQ(run->recorder.metrics.size(), 7u);
    EXPECT_EQ(run->recorder.metrics[0].epoch, 0);
    EXPECT_EQ(run->parameters.values().abs().sum().item<float>(), 0);
  }
}

}  // namespace
}  // namespace seqsweep
