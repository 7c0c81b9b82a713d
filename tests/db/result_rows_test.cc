// A run that resumes before rows that are stored already, or that ends earlier than an earlier
// attempt came, must not leave two histories mixed.
#include "db/result_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "db/queries.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using testing::ElementsAre;

class ResultRows : public testing::Test {
 protected:
  void SetUp() override { store_.add_sweep("grid", "name: grid", planned({"r"})); }

  // An attempt that logs these steps, with its number as their loss, and then loses its worker.
  void attempt(const std::vector<int64_t>& steps) {
    const Ticket ticket = store_.start_attempt("r", kPlace);
    for (const int64_t step : steps) log_step(ticket, step);
    store_.fail(ticket, "worker lost", "", AfterFailure::Retry);
  }
  void log_step(const Ticket& ticket, int64_t step) {
    Progress news = progress(ticket, step);
    news.steps[0].loss = static_cast<double>(ticket.attempt);
    news.metrics = {{step / 10, "validation", "loss", static_cast<double>(ticket.attempt)}};
    store_.store_progress(std::vector{news});
  }
  std::vector<std::pair<int64_t, double>> losses() {
    std::vector<std::pair<int64_t, double>> losses;
    for (const StepRow& row : read_steps(store_.database(), "r")) {
      losses.emplace_back(row.step, row.loss);
    }
    return losses;
  }
  std::vector<std::pair<int64_t, double>> validation() {
    std::vector<std::pair<int64_t, double>> values;
    for (const MetricRow& row : read_metrics(store_.database(), "r")) {
      if (row.split == "validation") values.emplace_back(row.epoch, row.value);
    }
    return values;
  }

  using Pairs = std::vector<std::pair<int64_t, double>>;
  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db", 0};
};

TEST_F(ResultRows, AResumedAttemptReplacesWhatFollowsItsCheckpoint) {
  attempt({10, 20, 30, 40});
  attempt({25});
  EXPECT_EQ(losses(), (Pairs{{10, 1}, {20, 1}, {25, 2}}));
  EXPECT_EQ(validation(), (Pairs{{1, 1}, {2, 2}}));
  attempt({35, 45});
  EXPECT_EQ(losses(), (Pairs{{10, 1}, {20, 1}, {25, 2}, {35, 3}, {45, 3}}));
}

TEST_F(ResultRows, TheSameRowTwiceStandsOnce) {
  attempt({10, 10, 20, 10});
  EXPECT_EQ(losses(), (Pairs{{10, 1}, {20, 1}}));
}

TEST_F(ResultRows, AResultDropsWhatAnEarlierAttemptDidBeyondIt) {
  attempt({10, 60, 70});
  const Ticket ticket = store_.start_attempt("r", kPlace);
  ASSERT_TRUE(store_.finish(ticket, result(0.5)));  // 50 steps, 5 epochs, the best is the third.
  EXPECT_EQ(losses(), (Pairs{{10, 1}}));
  EXPECT_EQ(validation(), (Pairs{{1, 1}}));
}

TEST_F(ResultRows, AResultOfTheBestEpochKeepsTheCurveAfterIt) {
  attempt({10, 20, 30, 40, 50});
  const Ticket ticket = store_.start_attempt("r", kPlace);  // Resumed at the very end.
  ASSERT_TRUE(store_.finish(ticket, result(0.5)));
  EXPECT_EQ(validation(), (Pairs{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}}));
}

TEST_F(ResultRows, EveryFigureOfAResultComesBack) {
  RunResult sent = result(0.5);
  sent.latency[1].mean_ms = std::numeric_limits<double>::quiet_NaN();
  sent.users = 943;
  sent.items = 1349;
  sent.interactions = 99287;
  ASSERT_TRUE(store_.finish(store_.start_attempt("r", kPlace), sent));
  Database& database = store_.database();
  EXPECT_EQ(read_user_ranks(database, "r"), sent.user_ranks);
  const auto latency = read_latency_samples(database, "r");
  ASSERT_EQ(latency.size(), 2U);
  EXPECT_EQ(latency[0].user_ms, sent.latency[0].user_ms);
  EXPECT_EQ(latency[0].mean_ms, 0.5);
  EXPECT_TRUE(latency[1].user_ms.empty());
  EXPECT_TRUE(std::isnan(latency[1].mean_ms));
  const auto datasets = read_datasets(database);
  ASSERT_EQ(datasets.size(), 1U);
  EXPECT_EQ(datasets[0].name, "tiny");
  EXPECT_EQ(datasets[0].interactions, 99287);
}

TEST_F(ResultRows, AFigureThatIsNotANumberIsNull) {
  Progress news = progress(store_.start_attempt("r", kPlace), 10);
  news.steps[0].h = std::numeric_limits<double>::quiet_NaN();
  news.metrics = {{1, "validation", "ndcg@10", std::numeric_limits<double>::quiet_NaN()}};
  store_.store_progress(std::vector{news});
  EXPECT_TRUE(std::isnan(read_steps(store_.database(), "r").at(0).h));
  EXPECT_EQ(read_steps(store_.database(), "r").at(0).batch_size, 128);
  EXPECT_TRUE(std::isnan(read_metrics(store_.database(), "r").at(0).value));
}

}  // namespace
}  // namespace seqsweep
