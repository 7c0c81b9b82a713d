// A training run of a toy task, with everything that it needs in one place.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/train/trainer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_task.h"

namespace seqsweep {

class ManualClock : public Clock {
 public:
  int64_t monotonic_ms() const override { return now_ms; }
  int64_t unix_ms() const override { return now_ms; }
  int64_t now_ms = 0;
};

struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

// Keeps what it is told. A step takes `step_ms`; on order it stops the run or kills it.
class Recorder : public TrainObserver {
 public:
  explicit Recorder(ManualClock& clock) : clock_(clock) {}

  bool stop_requested() override { return stop_before_step >= 0 && ++asked_ > stop_before_step; }
  void on_progress(const TrainProgress& now) override {
    if (now.step > progress.step) clock_.now_ms += step_ms;
    progress = now;
    if (now.step == kill_after_step) throw Killed();
  }
  void on_step(const StepRow& row) override { steps.push_back(row); }
  void on_metric(const MetricRow& row) override { metrics.push_back(row); }
  bool goes_on_elsewhere() override { return progress.step == elsewhere_after_step; }
  bool must_pause() override { return progress.step == pause_after_step && pauses < pauses_wanted; }
  void pause() override {
    ++pauses;
    clock_.now_ms += kPause_ms;
  }
  int64_t paused_ms() const override { return pauses * kPause_ms; }

  static constexpr int64_t kPause_ms = 1000;
  int64_t pause_after_step = -1, pauses_wanted = 0, pauses = 0;
  int64_t step_ms = 0;
  int64_t stop_before_step = -1;  // Of this attempt, from 0.
  int64_t kill_after_step = -1;   // Of the run, from 1.
  int64_t elsewhere_after_step = -1;
  TrainProgress progress;
  std::vector<StepRow> steps;
  std::vector<MetricRow> metrics;

 private:
  ManualClock& clock_;
  int64_t asked_ = 0;
};

inline TrainerSettings toy_settings() {
  TrainerSettings settings;
  settings.train.batch_size = 4;  // 6 microbatches an epoch, the last one of 2 examples.
  settings.train.microbatches = 2;
  settings.train.epochs = 4;
  settings.train.patience = 0;
  settings.train.log_every = 1;
  settings.train.checkpoint_s = 1000;
  settings.evaluate.cutoffs = {1, 3};
  settings.evaluate.batch_size = 5;
  settings.seed = 42;
  settings.users = kToyUsers;
  settings.identity = "toy";
  return settings;
}

struct ToyRun {
  ToyRun(const std::filesystem::path& folder, Group& group,
         TrainerSettings settings = toy_settings(),
         std::unique_ptr<ToyTask> of = std::make_unique<ToyTask>(),
         const Json& optimizer_spec = {{"name", "adam"}, {"lr", 0.1}},
         const Json& schedule_spec = {{"name", "constant"}})
      : task(std::move(of)),
        parameters(task->module()),
        optimizer(optimizers().make(optimizer_spec, {parameters})),
        schedule(
            batch_schedules().make(schedule_spec, {.batch_size = settings.train.batch_size,
                                                   .microbatches = settings.train.microbatches})),
        checkpoints(folder),
        trainer({*task, parameters, *optimizer, *schedule, group, checkpoints, recorder, clock},
                settings) {}

  std::unique_ptr<ToyTask> task;
  Parameters parameters;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<BatchSchedule> schedule;
  CheckpointStore checkpoints;
  ManualClock clock;
  Recorder recorder{clock};
  Trainer trainer;
};

// All that a run tells and leaves, in text that shows every bit.
inline std::string told_by(ToyRun& run) {
  std::string text;
  for (const StepRow& row : run.recorder.steps) {
    text += fmt::format("step {} {} {:a} {:a} {} {:a} {:a} {:a}\n", row.step, row.epoch_position,
                        row.loss, row.learning_rate, row.batch_size, row.h, row.beta, row.c2);
  }
  for (const MetricRow& row : run.recorder.metrics) {
    text += fmt::format("{} {} {} {:a}\n", row.epoch, row.split, row.name, row.value);
  }
  const TrainSummary summary = run.trainer.summary();
  text += fmt::format("{} {} {}\n", summary.steps, summary.epochs, summary.best_epoch);
  const torch::Tensor& values = run.parameters.values();
  for (int64_t i = 0; i < values.numel(); ++i)
    text += fmt::format("{:a} ", values[i].item<float>());
  return text;
}

// The text of the Error that the run must end with.
inline std::string failure_of(Trainer& trainer, Fault fault, const std::string& cause) {
  try {
    trainer.run();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault);
    EXPECT_EQ(error.cause(), cause);
    return error.what();
  }
  return "";
}

// Adds `poison` to all parameters and keeps the gradient that it was given.
class ProbeOptimizer : public Optimizer {
 public:
  explicit ProbeOptimizer(Parameters& parameters) : parameters_(parameters) {}
  void step(int64_t) override {
    gradient = gradient_now();
    gradients.push_back(gradient);
    parameters_.values().add_(poison);
  }
  StepReport report() const override { return {}; }
  NamedTensors state() override { return {}; }
  torch::Tensor gradient_now() const { return parameters_.gradients().clone(); }
  torch::Tensor gradient;
  std::vector<torch::Tensor> gradients;
  double poison = 0;

 private:
  Parameters& parameters_;
};

class ToyRunTest : public ::testing::Test {
 protected:
  std::filesystem::path folder(const std::string& name = "run") const {
    return folder_.path() / name;
  }
  TemporaryFolder folder_;
  std::unique_ptr<Group> alone_ = make_local_group();
};

}  // namespace seqsweep
