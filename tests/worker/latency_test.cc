#include "worker/latency.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "core/base/clock.h"
#include "core/eval/bootstrap.h"
#include "tests/support/thread_group.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

// Takes a known time for each history and remembers what it was asked. User u's only known item is
// item u.
class TimedTask : public Task {
 public:
  explicit TimedTask(int32_t slow_item = -1) : slow_item_(slow_item) {}

  torch::nn::Module& module() override { return module_; }
  int64_t embedding_parameters() const override { return 0; }
  int64_t begin_epoch(int64_t) override { return 0; }
  LossSum loss(std::span<const int64_t>, uint64_t) override { return {}; }
  std::vector<int32_t> target_ranks(std::span<const int64_t>, Split) override { return {}; }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    EXPECT_EQ(count, 10);
    EXPECT_EQ(seen, Seen::Listed);
    EXPECT_TRUE(c10::InferenceMode::is_enabled());
    EXPECT_FALSE(module_.is_training());
    double busy_s = 0;
    for (const History& history : histories) {
      EXPECT_EQ(history.size(), 2U);
      asked.push_back(history[0]);
      busy_s += history[0] == slow_item_ ? kSlow_s : kQuick_s;
    }
    calls.push_back(histories.size());
    tokens_ += 7 * std::ssize(histories);
    const double end_s = monotonic_s() + busy_s;
    while (monotonic_s() < end_s) {
    }
    return {};
  }

  int64_t tokens() const override { return tokens_; }

  static constexpr double kQuick_s = 50e-6, kSlow_s = 20e-3;
  std::vector<int32_t> asked;
  std::vector<size_t> calls;

 private:
  torch::nn::Module module_;
  int64_t tokens_ = 0;
  int32_t slow_item_;
};

TinyDataset twenty_users() {
  std::vector<std::vector<int32_t>> sequences;
  for (int32_t user = 0; user < 20; ++user) sequences.push_back({user, user, 0});
  return TinyDataset(sequences, /*items=*/20, /*max_length=*/50);
}

const std::unique_ptr<Group> kAlone = make_local_group();
const LatencyConfig kSmall{.samples = 4, .users = 30, .batch_size = 1, .top_k = 10, .warm_up = 3};

LatencyFigures measure(Task& task, const LatencyConfig& config, uint64_t seed = 1,
                       Group& group = *kAlone) {
  const TinyDataset data = twenty_users();
  return measure_latency(
             {.task = task, .data = data, .group = group, .config = config, .seed = seed})
      .value();
}

TEST(Latency, TimesEveryDrawnUser) {
  TimedTask task;
  const LatencyFigures figures = measure(task, kSmall);
  EXPECT_EQ(task.calls.size(), 3U + 4 * 30);
  ASSERT_EQ(figures.samples.size(), 4U);
  for (const LatencySample& sample : figures.samples) {
    ASSERT_EQ(sample.user_ms.size(), 30U);
    EXPECT_GE(*std::min_element(sample.user_ms.begin(), sample.user_ms.end()), 0.05F);
  }
  EXPECT_GE(figures.low_ms, 0.05);
  EXPECT_LE(figures.low_ms, figures.mean_ms);
  EXPECT_LE(figures.mean_ms, figures.high_ms);
}

TEST(Latency, TokensAreCountedOverTheMeasuredTimeAlone) {
  TimedTask task;
  const LatencyFigures figures = measure(task, kSmall);
  double all_ms = 0;
  for (const LatencySample& sample : figures.samples) {
    for (const float user_ms : sample.user_ms) all_ms += user_ms;
  }
  EXPECT_NEAR(figures.tokens_per_s, 1e3 * 7 * 4 * 30 / all_ms, 1e-3 * figures.tokens_per_s);
}

TEST(Latency, OutliersAreStoredButNotInTheMean) {
  TimedTask task(/*slow_item=*/7);
  const LatencyFigures figures = measure(task, kSmall);
  double slowest_ms = 0;
  std::vector<double> sample_means;
  for (const LatencySample& sample : figures.samples) {
    slowest_ms = std::max<double>(slowest_ms,
                                  *std::max_element(sample.user_ms.begin(), sample.user_ms.end()));
    const std::vector<double> all(sample.user_ms.begin(), sample.user_ms.end());
    EXPECT_DOUBLE_EQ(sample.mean_ms, mean(without_outliers(all)));
    sample_means.push_back(sample.mean_ms);
  }
  EXPECT_GE(slowest_ms, 20);
  EXPECT_DOUBLE_EQ(figures.mean_ms, mean(sample_means));
  EXPECT_LT(figures.mean_ms, 5);
}

TEST(Latency, TheSeedDecidesWhoIsDrawn) {
  TimedTask task, again, other;
  measure(task, kSmall, 1);
  measure(again, kSmall, 1);
  measure(other, kSmall, 2);
  EXPECT_EQ(task.asked, again.asked);
  EXPECT_NE(task.asked, other.asked);
  const std::vector<int32_t> first(task.asked.begin() + 3, task.asked.begin() + 33);
  const std::vector<int32_t> second(task.asked.begin() + 33, task.asked.begin() + 63);
  EXPECT_NE(first, second);
}

TEST(Latency, ABatchSharesItsTime) {
  TimedTask task;
  LatencyConfig config = kSmall;
  config.batch_size = 8;
  config.samples = 1;
  config.warm_up = 1;
  const LatencyFigures figures = measure(task, config);
  EXPECT_EQ(task.calls, (std::vector<size_t>{8, 8, 8, 8, 6}));
  const std::vector<float>& user_ms = figures.samples[0].user_ms;
  ASSERT_EQ(user_ms.size(), 30U);
  EXPECT_EQ(user_ms[0], user_ms[7]);
  EXPECT_LT(*std::min_element(user_ms.begin(), user_ms.end()), 8 * 0.05F);  // Not the whole call.
}

TEST(Latency, MeasuredAloneTheFirstRankTakesAllSamples) {
  std::array<LatencyFigures, 2> figures;
  run_ranks(2, [&](Group& group) {
    TimedTask task;
    figures[static_cast<size_t>(group.rank())] = measure(task, kSmall, 1, group);
    EXPECT_EQ(task.calls.size(), group.rank() == 0 ? 3U + 4 * 30 : 0U);
  });
  EXPECT_EQ(figures[1].mean_ms, figures[0].mean_ms);
  EXPECT_EQ(figures[1].samples.size(), 4U);
}

// Who is drawn for a sample does not depend on who measures it.
TEST(Latency, RanksDivideTheSamplesAndShareTheFigures) {
  LatencyConfig config = kSmall;
  config.alone = false;
  TimedTask alone;
  measure(alone, config);
  constexpr int kRanks = 3;
  std::vector<LatencyFigures> figures(kRanks);
  std::vector<int32_t> asked;
  std::mutex mutex;
  run_ranks(kRanks, [&](Group& group) {
    TimedTask task;
    LatencyFigures mine = measure(task, config, 1, group);
    const std::lock_guard lock(mutex);
    EXPECT_LT(task.calls.size(), 3U + 4 * 30);
    asked.insert(asked.end(), task.asked.begin() + 3, task.asked.end());  // After the warm-up.
    figures[static_cast<size_t>(group.rank())] = std::move(mine);
  });
  std::vector<int32_t> expected(alone.asked.begin() + 3, alone.asked.end());
  std::sort(expected.begin(), expected.end());
  std::sort(asked.begin(), asked.end());
  EXPECT_EQ(asked, expected);
  for (const LatencyFigures& other : figures) {
    ASSERT_EQ(other.samples.size(), 4U);
    EXPECT_EQ(other.low_ms, figures[0].low_ms);
    EXPECT_EQ(other.mean_ms, figures[0].mean_ms);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(other.samples[i].user_ms, figures[0].samples[i].user_ms);
      EXPECT_GE(*std::min_element(other.samples[i].user_ms.begin(), other.samples[i].user_ms.end()),
                0.05F);
    }
  }
}

TEST(Latency, ARankThatIsStoppedStopsAll) {
  LatencyConfig config = kSmall;
  config.alone = false;
  run_ranks(2, [&](Group& group) {
    TimedTask task;
    const TinyDataset data = twenty_users();
    EXPECT_FALSE(measure_latency(
        {.task = task, .data = data, .group = group, .config = config, .go_on = [&](int64_t done) {
           return group.rank() != 1 || done < 1;
         }}));
  });
}

TEST(Latency, CanBeStopped) {
  TimedTask task;
  const TinyDataset data = twenty_users();
  const auto figures = measure_latency(
      {.task = task, .data = data, .group = *kAlone, .config = kSmall, .go_on = [](int64_t done) {
         return done < 2;
       }});
  EXPECT_FALSE(figures);
  EXPECT_EQ(task.calls.size(), 3U + 2 * 30);
}

}  // namespace
}  // namespace seqsweep
