// What data parallel training promises, checked on every rank of a group of any kind.
#pragma once

#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "core/train/gradient_sum.h"
#include "core/train/trainer.h"
#include "tests/support/toy_run.h"

namespace seqsweep {

constexpr int64_t kNetworkExamples = 61, kNetworkWidth = 512, kNetworkClasses = 9;

// A layer of a megabyte, so that there are two buckets.
struct Network : torch::nn::Module {
  Network() {
    const torch::NoGradGuard no_grad;
    first = register_module("first", torch::nn::Linear(3, kNetworkWidth));
    second = register_module("second", torch::nn::Linear(kNetworkWidth, kNetworkWidth));
    last = register_module("last", torch::nn::Linear(kNetworkWidth, kNetworkClasses));
    for (torch::Tensor& parameter : parameters()) {  // Ranks that are threads share torch's draws.
      const double scale = 1 / std::sqrt(static_cast<double>(parameter.size(-1)));
      parameter.copy_(torch::arange(parameter.numel()).sin().mul(scale).view_as(parameter));
    }
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return last(torch::tanh(second(torch::tanh(first(x)))));
  }
  torch::nn::Linear first{nullptr}, second{nullptr}, last{nullptr};
};

// Classes of points, drawn anew for each microbatch as dropout would be. A microbatch takes a time
// that depends on rank and step, so that the division changes all the time.
class NetworkTask : public ToyTask {
 public:
  NetworkTask(int rank, ManualClock& clock) : rank_(rank), clock_(clock) {}

  torch::nn::Module& module() override { return *network_; }
  int64_t begin_epoch(int64_t) override { return kNetworkExamples; }
  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    Rng rng(seed);
    std::vector<float> points;
    std::vector<int64_t> classes;
    for (const int64_t i : examples) {
      for (int64_t repeat = 0; repeat < 1 + i % 3; ++repeat) {  // Counts differ.
        const double angle = 6.28 * static_cast<double>(i) / kNetworkExamples;
        points.push_back(static_cast<float>(std::cos(angle) + 0.05 * rng.normal()));
        points.push_back(static_cast<float>(std::sin(angle)));
        points.push_back(static_cast<float>(std::sin(3 * angle)));
        classes.push_back(i * kNetworkClasses / kNetworkExamples);
      }
    }
    const auto count = std::ssize(classes);
    const torch::Tensor x = torch::tensor(points).view({count, 3});
    const auto options = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
    const torch::Tensor sum =
        torch::nn::functional::cross_entropy(network_->forward(x), torch::tensor(classes), options);
    clock_.now_ms += 1 + (7 * rank_ + ++losses_ / 40) % 5;
    return {sum, count};
  }

 private:
  std::shared_ptr<Network> network_ = std::make_shared<Network>();
  int rank_;
  ManualClock& clock_;
  int64_t losses_ = 0;
};

// 1 to 9 microbatches, in turns.
class ChangingSchedule : public BatchSchedule {
 public:
  int64_t microbatches(const TrainPosition& position) override {
    return std::vector<int64_t>{4, 1, 9, 2, 7}[static_cast<size_t>(position.step % 5)];
  }
};

struct RankCurve {
  std::vector<double> losses;
  std::vector<int64_t> bits;          // A number from all bits of the parameters, after each step.
  std::vector<int64_t> microbatches;  // Of each step.
  std::vector<double> figures;        // H, c1 and c2 of each step, where there are such.
};

struct Method {
  Json optimizer;
  Json schedule;  // Null: ChangingSchedule.
};

inline std::vector<Method> methods() {
  return {{.optimizer = {{"name", "adam"}, {"lr", 0.001}}},
          {.optimizer =
               {{"name", "usgm"}, {"diameter", 2}, {"metric", "diagonal"}, {"look_again_every", 3}},
           .schedule = {{"name", "adaptive"}, {"min_steps_per_epoch", 1}, {"confirm", 8}}}};
}

inline RankCurve train_network(Group& group, const Method& method,
                               const std::filesystem::path& folder, int64_t steps) {
  class Observer : public TrainObserver {
   public:
    bool stop_requested() override { return static_cast<int64_t>(curve.losses.size()) == most; }
    void on_progress(const TrainProgress& progress) override {
      if (progress.step == static_cast<int64_t>(curve.bits.size())) return;  // A validation's.
      curve.bits.push_back(values.view(torch::kInt32).sum().item<int64_t>());
    }
    void on_step(const StepRow& row) override {
      curve.losses.push_back(row.loss);
      curve.microbatches.push_back(row.microbatches);
      for (const double figure : {row.h, row.c1, row.c2}) {
        if (std::isfinite(figure)) curve.figures.push_back(figure);
      }
    }
    void on_metric(const MetricRow&) override {}
    torch::Tensor values;
    RankCurve curve;
    int64_t most = 0;
  };
  ManualClock clock;
  NetworkTask task(group.rank(), clock);
  Parameters parameters(task.module());
  const auto optimizer = optimizers().make(method.optimizer, {parameters});
  std::unique_ptr<BatchSchedule> schedule = std::make_unique<ChangingSchedule>();
  if (!method.schedule.is_null()) {
    schedule = batch_schedules().make(method.schedule, {.batch_size = 2, .microbatches = 1});
  }
  const CheckpointStore checkpoints(folder);
  Observer observer;
  observer.values = parameters.values();
  observer.most = steps;
  TrainerSettings settings = toy_settings();
  settings.train.batch_size = 2;
  settings.train.epochs = 1000;
  settings.train.evaluate_every = 1000;
  Trainer trainer({task, parameters, *optimizer, *schedule, group, checkpoints, observer, clock},
                  settings);
  EXPECT_EQ(trainer.run(), Outcome::Preempted);
  return observer.curve;
}

inline void expect_as_of_first_rank(Group& group, const torch::Tensor& mine) {
  torch::Tensor of_first = mine.clone();
  group.broadcast(of_first, 0);
  EXPECT_TRUE(torch::equal(of_first, mine)) << "rank " << group.rank() << " of " << group.size();
}

// The same loss curve as one rank, and the same bits on every rank after every step.
inline void expect_trains_as_one_rank(Group& group, const Method& method, const RankCurve& alone,
                                      const std::filesystem::path& folder) {
  const auto steps = std::ssize(alone.losses);
  const RankCurve together = train_network(group, method, folder, steps);
  ASSERT_EQ(std::ssize(together.losses), steps);
  for (size_t i = 0; i < together.losses.size(); ++i) {
    ASSERT_NEAR(together.losses[i], alone.losses[i], 1e-5 * alone.losses[i])
        << "step " << i + 1 << ", rank " << group.rank() << " of " << group.size();
  }
  EXPECT_EQ(together.microbatches, alone.microbatches);
  expect_as_of_first_rank(group, torch::tensor(together.bits));
  expect_as_of_first_rank(group, torch::tensor(together.figures, torch::kFloat64));
}

// ---- a slow rank ----

// Each microbatch takes this long, in sleep: several ranks may share a core.
class SleepingTask : public ToyTask {
 public:
  explicit SleepingTask(int64_t sleep_ms) : sleep_(sleep_ms) {}
  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    std::this_thread::sleep_for(sleep_);
    ++losses;
    return ToyTask::loss(examples, seed);
  }
  int64_t losses = 0;

 private:
  std::chrono::milliseconds sleep_;
};

// Four ranks, one of half the speed.
inline void expect_division_follows_a_slow_rank(Group& group) {
  constexpr int kSlow = 1;
  constexpr int64_t kMicrobatches = 28, kQuick_ms = 20;
  SleepingTask task(group.rank() == kSlow ? 2 * kQuick_ms : kQuick_ms);
  Parameters parameters(task.module());
  GradientSum gradient_sum(task, parameters, group, system_clock());
  const std::vector<int64_t> examples{0};
  const std::vector<Microbatch> step(kMicrobatches, {examples, 1});

  // The median of some steps; with `told` the ranks tell each other their times after each.
  const auto step_s = [&](int steps, bool told) {
    std::vector<double> all_s;
    for (int i = 0; i < steps; ++i) {
      const double began_s = monotonic_s();
      gradient_sum.compute(step);
      all_s.push_back(monotonic_s() - began_s);
      if (told) gradient_sum.agree({});
    }
    std::nth_element(all_s.begin(), all_s.begin() + steps / 2, all_s.end());
    return all_s[static_cast<size_t>(steps / 2)];
  };
  const double equal_s = step_s(7, false);
  EXPECT_EQ(task.losses, 7 * 7);
  step_s(20, true);
  task.losses = 0;
  const double divided_s = step_s(7, true);
  testing::Test::RecordProperty("times_faster", fmt::format("{:.3f}", equal_s / divided_s));
  EXPECT_GE(equal_s / divided_s, 1.5) << "rank " << group.rank();
  const double microbatches = static_cast<double>(task.losses) / 7;
  EXPECT_NEAR(microbatches, group.rank() == kSlow ? 4 : 8, 1) << "rank " << group.rank();
}

}  // namespace seqsweep
