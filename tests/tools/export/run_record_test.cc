#include "tools/export/run_record.h"

#include <gtest/gtest.h>

#include <cmath>

#include "db/queries.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

constexpr int64_t kLater = 9'000'000;

RunRecord record_of(RunStore& store, const std::string& run_id, int64_t now_ms = kLater) {
  for (const ResultRow& run : read_results(store.database())) {
    if (run.run_id != run_id) continue;
    const auto record = read_run_record(store.database(), run, now_ms);
    EXPECT_TRUE(record) << run_id;
    return record.value_or(RunRecord{});
  }
  ADD_FAILURE() << run_id;
  return {};
}

std::vector<Scalar> named(const RunRecord& record, const std::string& name) {
  std::vector<Scalar> found;
  for (const Scalar& one : record.scalars) {
    if (one.name == name) found.push_back(one);
  }
  return found;
}

class RunRecordTest : public ::testing::Test {
 protected:
  RunRecordTest() : store_(folder_ / "results.db", 5, clock_) {
    store_.add_sweep("s", "name: s",
                     std::vector{planned_run("a", run_config("toy", "net", 1)),
                                 planned_run("b", run_config("toy", "net", 2)),
                                 planned_run("c", run_config("toy", "net", 3))});
  }
  // Steps first, first + 10, ..., told when the clock has gone on by 1 s for each.
  void train(const Ticket& ticket, int64_t first, int64_t last) {
    store_.store_progress(std::vector{Progress{.ticket = ticket, .step = first, .phase = "train"}});
    Progress progress{.ticket = ticket, .step = last, .phase = "train"};
    for (int64_t step = first + 10; step <= last; step += 10) {
      clock_.now_ms += 10'000;
      progress.steps.push_back({.step = step,
                                .epoch_position = static_cast<double>(step) / 20,
                                .loss = step == 20 ? std::nan("") : 1.0,
                                .batch_size = 8,
                                .h = std::nan(""),
                                .r = std::nan(""),
                                .beta = std::nan(""),
                                .c1 = std::nan(""),
                                .c2 = std::nan(""),
                                .learning_rate = 0.5});
      if (step % 20 == 0) progress.metrics.push_back({step / 20, "validation", "ndcg@10", 0.25});
    }
    store_.store_progress(std::vector{progress});
  }

  TemporaryFolder folder_;
  SetClock clock_;
  RunStore store_;
};

TEST_F(RunRecordTest, TimesFollowTheAttemptsThatMadeTheSteps) {
  const int64_t start_ms = clock_.now_ms;
  const Ticket first = store_.start_attempt("a", kPlace);
  train(first, 0, 40);
  store_.interrupt(first, 40);
  clock_.now_ms += 3'600'000;  // An hour of nothing.
  const Ticket second = store_.start_attempt("a", kPlace);
  train(second, 40, 80);
  RunResult result = result_of(0.5, 1);
  result.epochs = result.best_epoch = 4;
  result.steps = 80;
  ASSERT_TRUE(store_.finish(second, result));

  const RunRecord record = record_of(store_, "a");
  EXPECT_EQ(record.start_ms, start_ms);
  EXPECT_EQ(record.end_ms, clock_.now_ms);
  const auto rates = named(record, "step/learning_rate");
  ASSERT_EQ(rates.size(), 8U);
  for (size_t i = 0; i < rates.size(); ++i) {
    const auto step = static_cast<int64_t>(10 * (i + 1));
    EXPECT_EQ(rates[i].step, step);
    EXPECT_EQ(rates[i].time_ms, start_ms + 1000 * step + (step > 40 ? 3'600'000 : 0)) << step;
  }
  EXPECT_EQ(named(record, "step/loss").size(), 7U) << "NaN is no point";
  EXPECT_TRUE(named(record, "step/h").empty());
  const auto curve = named(record, "validation/ndcg@10");
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[2].step, 3);
  EXPECT_EQ(curve[2].time_ms, start_ms + 60'000 + 3'600'000);
  EXPECT_EQ(named(record, "test/ndcg@10").at(0).time_ms, clock_.now_ms);
  EXPECT_EQ(named(record, "result/latency_ms").at(0).value, 1);
}

TEST_F(RunRecordTest, ARunningRunEndsNow) {
  const Ticket ticket = store_.start_attempt("b", kPlace);
  train(ticket, 0, 20);
  const RunRecord record = record_of(store_, "b", clock_.now_ms + 5);
  EXPECT_FALSE(record.end_ms);
  EXPECT_EQ(named(record, "step/batch_size").back().time_ms, clock_.now_ms + 5);
  EXPECT_TRUE(named(record, "result/latency_ms").empty());
}

TEST_F(RunRecordTest, SettingsAreDottedAndPendingRunsHaveNone) {
  finish(store_, "a", result_of(0.5, 1));
  const RunRecord record = record_of(store_, "a");
  const std::pair<std::string, std::string> name{"model.name", "net"}, seed{"seed", "1"};
  EXPECT_NE(std::ranges::find(record.settings, name), record.settings.end());
  EXPECT_NE(std::ranges::find(record.settings, seed), record.settings.end());
  for (const ResultRow& run : read_results(store_.database())) {
    const bool begun = read_run_record(store_.database(), run, kLater).has_value();
    EXPECT_EQ(begun, run.run_id == "a");
  }
}

}  // namespace
}  // namespace seqsweep
