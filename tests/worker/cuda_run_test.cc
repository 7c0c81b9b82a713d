// Whole runs on a GPU, as a sweep file names them: training, checkpoints, evaluation, latency.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/support/device_task.h"
#include "tests/support/on_gpu.h"
#include "tests/support/temporary_folder.h"
#include "worker/build_run.h"
#include "worker/execute.h"
#include "worker/model_file.h"

namespace seqsweep {
namespace {

class GpuReporter : public Reporter {
 public:
  void progress(Progress progress) override {
    step_ = progress.step;
    rows.insert(rows.end(), progress.steps.begin(), progress.steps.end());
  }
  bool stop_requested() override { return step_ >= stop_at_step; }

  int64_t stop_at_step = std::numeric_limits<int64_t>::max();
  std::vector<StepRow> rows;

 private:
  int64_t step_ = 0;
};

class CudaRun : public GpuTest {
 protected:
  RunConfig config_of(const Json& model, const Json& objective = {{"name", "next_item"}}) const {
    RunConfig config;
    config.dataset = {{"name", "synthetic"}, {"users", 150}, {"items", 60}, {"topics", 4}};
    config.model = model;
    config.objective = objective;
    config.optimizer = {{"name", "adam"}, {"lr", 0.01}};
    config.batch_schedule = {{"name", "constant"}};
    config.train.batch_size = 16;
    config.train.epochs = 2;
    config.train.log_every = 1;
    config.train.threads = 2;
    config.train.device = device_.is_cuda() ? DeviceChoice::Cuda : DeviceChoice::Cpu;
    config.evaluate.cutoffs = {5};
    config.latency.samples = 2;
    config.latency.users = 10;
    config.latency.warm_up = 2;
    return config;
  }
  RunConfig sasrec() const {
    return config_of({{"name", "sasrec"},
                      {"width", 32},
                      {"heads", 2},
                      {"hidden_dropout", 0.2},
                      {"attention_dropout", 0.2}});
  }
  RunConfig lrurec() const {
    return config_of({{"name", "lrurec"}, {"width", 32}, {"layers", 1}, {"dropout", 0.1}});
  }
  std::filesystem::path folder_of(const RunConfig& config) {
    return runs_ / config_hash(config.json());
  }
  std::optional<RunResult> execute_in(const std::filesystem::path& folder,
                                      const RunConfig& config) {
    return execute(config, {.folder = folder, .data_dir = data_.path(), .group = *group_},
                   reporter_);
  }
  RunResult finish(const RunConfig& config) {
    reporter_ = GpuReporter();
    return execute_in(folder_of(config), config).value();
  }
  static RunConfig on_cpu(RunConfig config) {
    config.train.device = DeviceChoice::Cpu;
    return config;
  }
  LoadedModel loaded(const RunConfig& config, c10::Device device) {
    return load_model(folder_of(config), data_.path(), device);
  }
  static double metric(const RunResult& result) { return result.metrics.at(0).value; }
  void expect_whole(const RunResult& result, const RunConfig& config) const {
    EXPECT_THAT(result.device, testing::StartsWith(device_.is_cuda() ? "cuda:0 " : "cpu"));
    EXPECT_EQ(result.epochs, config.train.epochs);
    EXPECT_EQ(std::ssize(result.user_ranks), result.users);
    EXPECT_EQ(result.latency.size(), 2U);
    EXPECT_GT(result.latency_ms, 0);
    EXPECT_LE(result.latency_low_ms, result.latency_high_ms);
    EXPECT_GT(result.train_s, 0);
    EXPECT_GT(result.peak_memory_bytes, 1e6);
    EXPECT_EQ(std::ssize(reporter_.rows), result.steps);
    for (const StepRow& row : reporter_.rows) EXPECT_TRUE(std::isfinite(row.loss)) << row.step;
  }

  TemporaryFolder runs_, data_;
  std::unique_ptr<Group> group_ = make_local_group();
  GpuReporter reporter_;
};

TEST_F(CudaRun, TrainsEvaluatesAndMeasures) {
  const RunConfig config = sasrec();
  const RunResult result = finish(config);
  expect_whole(result, config);
  const std::vector<StepRow> rows = reporter_.rows;
  const RunResult plain = finish(on_cpu(config));
  EXPECT_EQ(result.steps, plain.steps);
  EXPECT_NEAR(metric(result), metric(plain), 0.05);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(rows[i].loss, reporter_.rows[i].loss, 0.02 * rows[i].loss) << "step " << i + 1;
  }
}

TEST_F(CudaRun, TheAdaptiveBatchSchedule) {
  RunConfig config = sasrec();
  config.optimizer = {{"name", "usgm"}, {"lr", 10}, {"average", 2}};
  config.batch_schedule = {{"name", "adaptive"}, {"min_steps_per_epoch", 2}};
  config.train.epochs = 4;
  expect_whole(finish(config), config);
  for (const StepRow& row : reporter_.rows) EXPECT_TRUE(std::isfinite(row.h)) << row.step;
  EXPECT_TRUE(
      std::ranges::any_of(reporter_.rows, [](const StepRow& row) { return row.microbatches > 1; }));
}

TEST_F(CudaRun, TheNoiseScaleSchedule) {
  RunConfig config = sasrec();
  config.optimizer = {{"name", "usgm"}, {"lr", 10}};
  config.batch_schedule = {{"name", "noise_scale"}};
  expect_whole(finish(config), config);
}

TEST_F(CudaRun, ClippingAndAccumulationAndSampledNegatives) {
  RunConfig config = lrurec();
  config.objective = {{"name", "next_item"}, {"loss", "sampled_ce"}, {"negatives", 40}};
  config.optimizer = {{"name", "paged_adamw"}, {"lr", 0.01}, {"state_bits", "8"}};
  config.train.grad_norm_max = 0.5;
  config.train.microbatches = 3;
  expect_whole(finish(config), config);
}

TEST_F(CudaRun, StoppedAndResumedComesToTheSame) {
  for (const Json& optimizer :
       {Json{{"name", "adam"}, {"lr", 0.01}}, Json{{"name", "usgm"}, {"lr", 10}, {"average", 2}},
        Json{{"name", "paged_adamw"}, {"lr", 0.01}, {"state_bits", "8"}}}) {
    SCOPED_TRACE(optimizer.dump());
    RunConfig config = sasrec();
    config.optimizer = optimizer;
    const RunResult whole = finish(config);
    const std::vector<StepRow> expected = reporter_.rows;
    for (const int64_t step : {4, 13}) {
      reporter_ = GpuReporter();
      reporter_.stop_at_step = step;
      EXPECT_FALSE(execute_in(runs_ / "parts", config));
    }
    reporter_ = GpuReporter();
    const RunResult parts = execute_in(runs_ / "parts", config).value();
    EXPECT_EQ(parts.steps, whole.steps);
    ASSERT_EQ(reporter_.rows.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(reporter_.rows[i].step, expected[i].step);
      EXPECT_NEAR(reporter_.rows[i].loss, expected[i].loss, 1e-2 * expected[i].loss)
          << "step " << expected[i].step;
    }
    EXPECT_NEAR(metric(parts), metric(whole), 0.03);
    std::filesystem::remove_all(runs_ / "parts");
  }
}

TEST_F(CudaRun, TheModelServesOnBothKindsOfDevice) {
  for (const RunConfig& config :
       {sasrec(), lrurec(),
        config_of({{"name", "2mamba4rec"}, {"width", 32}, {"layers", 1}, {"head_width", 16}}),
        config_of({{"name", "hydra4rec"}, {"width", 32}, {"layers", 1}, {"head_width", 16}},
                  {{"name", "next_item"}, {"prefixes", 2}}),
        config_of({{"name", "mamba4rec"}, {"width", 32}, {"layers", 1}})}) {
    SCOPED_TRACE(config.model.dump());
    finish(config);
    const LoadedModel there = loaded(config, device_), here = loaded(config, c10::kCPU);
    std::vector<History> histories;
    for (int64_t user = 0; user < there.run.data->users(); ++user) {
      histories.push_back(here.run.data->history(user, Split::Test));
    }
    EXPECT_LE(share_of_other_items(there.run.task->recommend(histories, 10, Seen::LeftOut),
                                   here.run.task->recommend(histories, 10, Seen::LeftOut)),
              0.02);
  }
}

TEST_F(CudaRun, ALanguageModelWithARetrieverThatWasTrainedBefore) {
  const RunConfig retriever = lrurec();
  finish(retriever);
  const Json model = {{"name", "llamarec"}, {"vocabulary", 400}, {"width", 32},
                      {"heads", 2},         {"layers", 1},       {"max_length", 512}};
  RunConfig config = config_of(model, {{"name", "rank_candidates"},
                                       {"candidates", 5},
                                       {"history_items", 3},
                                       {"title_tokens_max", 8},
                                       {"prefixes", 1}});
  config.needs["retriever"] = retriever.json();
  config.train.epochs = 1;
  const RunResult result = finish(config);
  expect_whole(result, config);
  EXPECT_GT(result.tokens_per_s, 0);
  // What ORPO starts from, and what it stands on.
  RunConfig tuned = config;
  tuned.objective = {
      {"name", "orpo"}, {"candidates", 5}, {"history_items", 3}, {"title_tokens_max", 8}};
  tuned.optimizer = {{"name", "paged_adamw"}, {"lr", 0.001}};
  tuned.latency.samples = 2;
  tuned.needs["negatives"] = retriever.json();
  tuned.needs[kStartRole] = config.json();
  expect_whole(finish(tuned), tuned);
}

TEST_F(CudaRun, AModelThatWritesTitles) {
  for (const char* name : {"gpt4rec", "mamrec"}) {
    SCOPED_TRACE(name);
    RunConfig config = config_of({{"name", name},
                                  {"vocabulary", 400},
                                  {"width", 32},
                                  {"heads", 2},
                                  {"layers", 1},
                                  {"max_length", 512}},
                                 {{"name", "next_title"},
                                  {"history_items", 4},
                                  {"title_tokens_max", 8},
                                  {"loss_on", "target"},
                                  {"prefixes", 1},
                                  {"beams", 3}});
    config.train.epochs = 1;
    const RunResult result = finish(config);
    expect_whole(result, config);
    EXPECT_GT(result.tokens_per_s, 0);
  }
}

TEST_F(CudaRun, FittedModels) {
  for (const Json& model :
       {Json{{"name", "popularity"}}, Json{{"name", "lightfm"}, {"epochs", 2}, {"threads", 1}}}) {
    SCOPED_TRACE(model.dump());
    const RunConfig config = config_of(model, {{"name", "fit"}});
    const RunResult result = finish(config), plain = finish(on_cpu(config));
    EXPECT_NEAR(metric(result), metric(plain), 0.02);
    EXPECT_EQ(result.latency.size(), 2U);
  }
}

}  // namespace
}  // namespace seqsweep
