#include "worker/execute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <thread>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/eval/metrics.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_group.h"
#include "tests/worker/tiny_run.h"

namespace seqsweep {
namespace {

class Recorder : public Reporter {
 public:
  void progress(Progress progress) override {
    step_ = progress.step;
    if (on_progress) on_progress(progress);
    if (phases.empty() || phases.back() != progress.phase) phases.push_back(progress.phase);
    step_rows.insert(step_rows.end(), progress.steps.begin(), progress.steps.end());
    metric_rows.insert(metric_rows.end(), progress.metrics.begin(), progress.metrics.end());
  }
  bool stop_requested() override {
    return step_ >= stop_at_step || (!phases.empty() && phases.back() == stop_in_phase);
  }

  int64_t stop_at_step = std::numeric_limits<int64_t>::max();
  std::string stop_in_phase;
  std::function<void(const Progress&)> on_progress;
  std::vector<std::string> phases;
  std::vector<StepRow> step_rows;
  std::vector<MetricRow> metric_rows;

 private:
  int64_t step_ = 0;
};

class ExecuteTest : public testing::Test {
 protected:
  std::optional<RunResult> execute_in(const std::string& folder, const RunConfig& config) {
    return execute(config,
                   {.folder = scratch_.path() / folder,
                    .data_dir = {},
                    .group = *group_,
                    .quiet_file = quiet_file()},
                   recorder_);
  }
  RunResult finish_in(const std::string& folder, const RunConfig& config) {
    recorder_ = Recorder();
    return execute_in(folder, config).value();
  }
  std::filesystem::path quiet_file() const { return scratch_.path() / "quiet"; }
  std::string file(const std::string& name) { return read_file(scratch_.path() / name); }

  TemporaryFolder scratch_;
  std::unique_ptr<Group> group_ = make_local_group();
  Recorder recorder_;
};

double value_of(const RunResult& result, const std::string& name) {
  for (const MetricRow& row : result.metrics) {
    if (row.name == name) return row.value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

TEST_F(ExecuteTest, TrainsEvaluatesAndMeasures) {
  const RunConfig config = tiny_config();
  const RunResult result = finish_in("run", config);
  EXPECT_EQ(result.epochs, 6);
  EXPECT_EQ(result.steps, 6 * 5);  // 40 users in microbatches of 8.
  EXPECT_EQ(result.params, 12 * 12 + 12);
  EXPECT_EQ(result.params_no_embedding, 12);
  EXPECT_EQ(result.device, "cpu");
  EXPECT_EQ(result.users, 40);
  EXPECT_EQ(result.items, 12);
  EXPECT_EQ(result.interactions, 40 * 8);
  EXPECT_GT(result.train_s, 0);
  EXPECT_GT(result.peak_memory_bytes, 1e6);

  ASSERT_EQ(result.user_ranks.size(), 40U);
  const auto metrics = ranking_metrics(result.user_ranks, config.evaluate.cutoffs);
  ASSERT_EQ(result.metrics.size(), metrics.size() + 1);
  EXPECT_EQ(value_of(result, "latency_alone"), 1);
  for (const Metric& metric : metrics) EXPECT_EQ(value_of(result, metric.name), metric.value);
  EXPECT_EQ(result.metrics[0].split, "test");
  EXPECT_EQ(result.metrics[0].epoch, result.best_epoch);

  ASSERT_EQ(result.latency.size(), 3U);
  EXPECT_EQ(result.latency[0].user_ms.size(), 20U);
  EXPECT_LE(result.latency_low_ms, result.latency_ms);
  EXPECT_LE(result.latency_ms, result.latency_high_ms);

  EXPECT_EQ(recorder_.phases,
            (std::vector<std::string>{"prepare", "train", "evaluate", "latency"}));
  EXPECT_EQ(recorder_.step_rows.size(), 30U);
  EXPECT_FALSE(recorder_.metric_rows.empty());
}

TEST_F(ExecuteTest, TrainingMakesTheModelBetter) {
  RunConfig untrained = tiny_config();
  untrained.train.epochs = 0;
  const double before = value_of(finish_in("untrained", untrained), "hit@1");
  EXPECT_GT(value_of(finish_in("trained", tiny_config()), "hit@1"), before + 0.3);
}

TEST_F(ExecuteTest, StoppedAndResumedEqualsUndisturbed) {
  const RunResult whole = finish_in("whole", tiny_config());
  for (const int64_t step : {4, 13}) {
    recorder_ = Recorder();
    recorder_.stop_at_step = step;
    EXPECT_FALSE(execute_in("parts", tiny_config()));
  }
  const RunResult parts = finish_in("parts", tiny_config());
  ASSERT_EQ(recorder_.step_rows.size(), 30U);  // Those of the stopped attempts are told again.
  for (int64_t i = 0; i < 30; ++i) EXPECT_EQ(recorder_.step_rows[i].step, i + 1);
  EXPECT_EQ(parts.user_ranks, whole.user_ranks);
  EXPECT_EQ(parts.steps, whole.steps);
  EXPECT_EQ(parts.best_epoch, whole.best_epoch);
  EXPECT_EQ(file("parts/model.safetensors"), file("whole/model.safetensors"));
}

TEST_F(ExecuteTest, CanBeStoppedWhileLatencyIsMeasured) {
  recorder_.stop_in_phase = "latency";
  EXPECT_FALSE(execute_in("run", tiny_config()));
  const RunResult result = finish_in("run", tiny_config());
  EXPECT_EQ(result.user_ranks, finish_in("whole", tiny_config()).user_ranks);
  EXPECT_EQ(result.latency.size(), 3U);
}

// A neighbour that measures from step 7 on, until `signs` signs of life came meanwhile.
class Neighbour {
 public:
  Neighbour(const std::filesystem::path& file, int64_t signs, std::function<void()> then)
      : host_(file), probe_(file), signs_(signs), then_(std::move(then)) {}

  void see(const Progress& progress) {
    if (progress.step < 7 || signs_ == 0) return;
    EXPECT_EQ(progress.step, 7);
    if (!measuring_.joinable()) {
      measuring_ = std::thread([this] { host_.begin_quiet([] { return true; }); });
      while (!probe_.must_pause()) probe_.rest();
    } else if (--signs_ == 0) {
      measuring_.join();
      then_();
    }
  }
  bool end() { return host_.end_quiet(); }

 private:
  QuietHost host_, probe_;
  int64_t signs_;
  std::function<void()> then_;
  std::thread measuring_;
};

TEST_F(ExecuteTest, PausesWhileAnotherOneMeasures) {
  Neighbour neighbour(quiet_file(), 30, [&] { EXPECT_TRUE(neighbour.end()); });
  recorder_.on_progress = [&](const Progress& progress) { neighbour.see(progress); };
  const double began_s = monotonic_s();
  const RunResult result = execute_in("run", tiny_config()).value();
  EXPECT_EQ(result.steps, 30);
  EXPECT_LT(result.train_s, monotonic_s() - began_s - 0.5);  // 29 pauses of 20 ms at least.
  EXPECT_EQ(value_of(result, "latency_alone"), 1);
  EXPECT_EQ(result.user_ranks, finish_in("undisturbed", tiny_config()).user_ranks);
}

TEST_F(ExecuteTest, CanBeStoppedInAPause) {
  Neighbour neighbour(quiet_file(), 3, [&] { recorder_.stop_at_step = 7; });
  recorder_.on_progress = [&](const Progress& progress) { neighbour.see(progress); };
  EXPECT_FALSE(execute_in("run", tiny_config()));
  EXPECT_TRUE(neighbour.end());
  EXPECT_EQ(finish_in("run", tiny_config()).user_ranks,
            finish_in("whole", tiny_config()).user_ranks);
}

TEST_F(ExecuteTest, LatencyBesideOthersIsMarked) {
  RunConfig config = tiny_config();
  config.latency.alone = false;
  EXPECT_EQ(value_of(finish_in("run", config), "latency_alone"), 0);
}

TEST_F(ExecuteTest, RanksHaveTheSameResultAndAsManyThreads) {
  RunConfig config = tiny_config();
  config.train.microbatches = 3;
  config.train.threads = 0;
  const RunResult alone = finish_in("alone", config);
  std::vector<RunResult> results(2);
  run_ranks(2, [&](Group& group) {
    Recorder recorder;
    const int64_t threads = 1 + group.rank();  // Of a rank's share of its machine.
    auto result = execute(config,
                          {.folder = scratch_.path() / "together",
                           .data_dir = {},
                           .threads = threads,
                           .group = group,
                           .quiet_file = quiet_file()},
                          recorder);
    EXPECT_EQ(torch::get_num_threads(), 1);
    EXPECT_EQ(recorder.step_rows.size(), 12U);  // Of 5 microbatches an epoch 3 + 2.
    results[static_cast<size_t>(group.rank())] = std::move(result).value();
  });
  for (const RunResult& result : results) {
    EXPECT_EQ(result.user_ranks, results[0].user_ranks);
    EXPECT_NEAR(value_of(result, "hit@5"), value_of(alone, "hit@5"), 0.051);  // Of 40 users.
    EXPECT_EQ(result.latency.size(), 3U);
    EXPECT_EQ(result.latency_ms, results[0].latency_ms);
  }
}

TEST_F(ExecuteTest, TheSeedDecidesTheModel) {
  RunConfig other = tiny_config();
  other.seed = 2;
  finish_in("one", tiny_config());
  finish_in("again", tiny_config());
  finish_in("other", other);
  EXPECT_EQ(file("one/model.safetensors"), file("again/model.safetensors"));
  EXPECT_NE(file("one/model.safetensors"), file("other/model.safetensors"));
}

TEST_F(ExecuteTest, AModelWithoutGradientsRunsTheSameWay) {
  RunConfig config = tiny_config();
  config.model = {{"name", "popularity"}};
  config.objective = {{"name", "fit"}};
  config.latency.samples = 0;
  const RunResult result = finish_in("run", config);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.params, 0);
  EXPECT_TRUE(result.latency.empty());

  const auto data = make_tiny_data({}, DatasetContext{});
  std::vector<int64_t> counts(data->items());
  for (int64_t user = 0; user < data->users(); ++user) {
    for (const int32_t item : data->history(user, Split::Train)) ++counts[item];
  }
  for (int64_t user = 0; user < data->users(); ++user) {
    const int64_t mine = counts[data->target(user, Split::Test)];
    const auto at_least =
        std::count_if(counts.begin(), counts.end(), [&](int64_t count) { return count >= mine; });
    EXPECT_EQ(result.user_ranks[user], at_least - 1);
  }
}

TEST_F(ExecuteTest, RemoveCheckpointsKeepsTheModel) {
  finish_in("run", tiny_config());
  const auto folder = scratch_.path() / "run";
  EXPECT_TRUE(std::filesystem::exists(folder / "checkpoints"));
  remove_checkpoints(folder);
  EXPECT_FALSE(std::filesystem::exists(folder / "checkpoints"));
  EXPECT_TRUE(std::filesystem::exists(folder / "model.safetensors"));
  remove_checkpoints(folder);  // Twice is harmless.
}

TEST_F(ExecuteTest, AnUnknownNameIsAnInputError) {
  RunConfig config = tiny_config();
  config.model = {{"name", "lastitem"}};
  try {
    execute_in("run", config);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_NE(std::string(error.what()).find("last_item"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace seqsweep
