#include "db/run_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <optional>

#include "core/base/files.h"
#include "db/queries.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunStoreTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "results.db"; }
  void open() {
    store_.reset();
    store_.emplace(path(), 0);
  }
  RunStore& store() { return *store_; }
  Database& database() { return store_->database(); }

  ResultRow row(const std::string& run_id) {
    for (const ResultRow& row : read_results(database())) {
      if (row.run_id == run_id) return row;
    }
    ADD_FAILURE() << "no run " << run_id;
    return {};
  }
  std::vector<std::string> queued(const std::string& sweep = "grid") {
    return store_->queue(sweep);
  }
  void SetUp() override {
    open();
    store().add_sweep("grid", "name: grid", planned({"b", "a", "c"}));
  }

 private:
  TemporaryFolder folder_;
  std::optional<RunStore> store_;
};

TEST_F(RunStoreTest, TheQueueIsTheGridsOrder) {
  EXPECT_THAT(queued(), ElementsAre("b", "a", "c"));
  store().start_attempt("a", kPlace);
  EXPECT_THAT(queued(), ElementsAre("b", "c"));
}

TEST_F(RunStoreTest, ASweepAddedAgainKeepsWhatItsRunsHave) {
  ASSERT_TRUE(store().finish(store().start_attempt("b", kPlace), result(0.5)));
  store().add_sweep("grid", "name: grid # again", planned({"b", "a", "c"}));
  EXPECT_THAT(queued(), ElementsAre("a", "c"));
  EXPECT_EQ(row("b").ndcg_10, 0.5);
  EXPECT_EQ(read_sweeps(database()).at(0).yaml, "name: grid # again");
}

TEST_F(RunStoreTest, ARunOfTwoSweepsExistsOnce) {
  store().add_sweep("other", "name: other", planned({"a", "d"}));
  EXPECT_EQ(count_runs(database()).total(), 4);
  ASSERT_TRUE(store().finish(store().start_attempt("a", kPlace), result(0.5)));
  EXPECT_EQ(count_runs(database(), "grid").done, 1);
  EXPECT_EQ(count_runs(database(), "other").done, 1);
  EXPECT_EQ(row("a").sweep, "grid");
  EXPECT_EQ(read_results(database(), "other").at(0).run_id, "a");
}

TEST_F(RunStoreTest, AnEditedSweepDropsOnlyRunsThatWereNeverTried) {
  store().fail(store().start_attempt("a", kPlace), "error", "no", AfterFailure::Retry);
  std::vector<PlannedRun> edited = planned({"d", "b"});
  edited[0].needs = {"b"};
  store().add_sweep("grid", "name: grid", edited);
  EXPECT_THAT(queued(), ElementsAre("b"));
  EXPECT_EQ(count_runs(database()).total(), 3);  // a was tried; c is gone.
}

TEST_F(RunStoreTest, ARunWaitsForTheRunsThatItNeeds) {
  std::vector<PlannedRun> runs = planned({"ranker", "retriever"});
  runs[0].needs = {"retriever"};
  store().add_sweep("two", "name: two", runs);
  EXPECT_THAT(queued("two"), ElementsAre("retriever"));
  ASSERT_TRUE(store().finish(store().start_attempt("retriever", kPlace), result(0.5)));
  EXPECT_THAT(queued("two"), ElementsAre("ranker"));
}

// retriever <- ranker <- tuned, and a run that needs a second one too.
class RunStoreNeedsTest : public RunStoreTest {
 protected:
  void SetUp() override {
    RunStoreTest::SetUp();
    std::vector<PlannedRun> runs = planned({"retriever", "ranker", "tuned", "other", "both"});
    runs[1].needs = {"retriever"};
    runs[2].needs = {"ranker"};
    runs[4].needs = {"retriever", "other"};
    store().add_sweep("chain", "name: chain", runs);
  }
  void fail(const std::string& run_id) {
    store().fail(store().start_attempt(run_id, kPlace), "nan", "no", AfterFailure::GiveUp);
  }
};

TEST_F(RunStoreNeedsTest, RunsFailWithTheOneThatTheyNeed) {
  fail("retriever");
  EXPECT_THAT(queued("chain"), ElementsAre("other"));
  for (const char* run_id : {"ranker", "tuned", "both"}) {
    EXPECT_EQ(row(run_id).status, "failed") << run_id;
    EXPECT_EQ(row(run_id).attempts, 0) << run_id;
  }
  EXPECT_THAT(row("ranker").error, HasSubstr("needs run retriever (net), which failed"));
  EXPECT_THAT(row("tuned").error, HasSubstr("needs run ranker"));
  EXPECT_EQ(read_events(database(), "tuned").at(0).kind, "failed");
  EXPECT_EQ(count_runs(database(), "chain").failed, 4);
}

TEST_F(RunStoreNeedsTest, ACancelledRunTakesThoseThatNeedItAlong) {
  ASSERT_TRUE(store().cancel("retriever"));
  EXPECT_THAT(row("ranker").error, HasSubstr("was cancelled"));
  EXPECT_EQ(row("both").status, "failed");
  EXPECT_EQ(row("other").status, "pending");
}

TEST_F(RunStoreNeedsTest, ARetryBringsThemBack) {
  fail("retriever");
  fail("other");
  ASSERT_TRUE(store().retry("retriever"));
  EXPECT_THAT(queued("chain"), ElementsAre("retriever"));
  EXPECT_EQ(row("tuned").status, "pending");
  EXPECT_EQ(row("tuned").error, "");
  EXPECT_EQ(row("both").status, "failed");  // It needs the other one too.
  ASSERT_TRUE(store().retry("other"));
  EXPECT_EQ(row("both").status, "pending");
}

TEST_F(RunStoreNeedsTest, ARetryOfTheLastOneTriesAllThatItNeeds) {
  fail("retriever");
  ASSERT_TRUE(store().retry("tuned"));
  EXPECT_THAT(queued("chain"), ElementsAre("retriever", "other"));
  EXPECT_EQ(row("ranker").status, "pending");
  EXPECT_EQ(row("tuned").status, "pending");
}

TEST_F(RunStoreNeedsTest, ARunThatFailedByItselfIsNotBroughtBack) {
  ASSERT_TRUE(store().finish(store().start_attempt("retriever", kPlace), result(0.5)));
  fail("ranker");
  fail("other");
  ASSERT_TRUE(store().retry("other"));
  EXPECT_EQ(row("ranker").status, "failed");
  EXPECT_EQ(row("ranker").error, "no");
  EXPECT_EQ(store().retry_failed(), 2);  // And tuned with it.
  EXPECT_THAT(queued("chain"), ElementsAre("ranker", "other"));
}

TEST_F(RunStoreNeedsTest, ANewSweepOnAFailedRunDoesNotWait) {
  fail("retriever");
  std::vector<PlannedRun> runs = planned({"retriever", "late"});
  runs[1].needs = {"retriever"};
  store().add_sweep("later", "name: later", runs);
  EXPECT_EQ(row("late").status, "failed");
}

TEST_F(RunStoreNeedsTest, TellsWhatWaitsForWhat) {
  const auto waiting = read_waiting(database(), "chain");
  ASSERT_EQ(waiting.size(), 4U);
  EXPECT_EQ(waiting[0].run_id, "ranker");
  EXPECT_EQ(waiting[0].needs_run, "retriever");
  EXPECT_EQ(waiting[2].run_id, "both");
  EXPECT_EQ(waiting[2].needs_run, "other");
  ASSERT_TRUE(store().finish(store().start_attempt("retriever", kPlace), result(0.5)));
  EXPECT_EQ(read_waiting(database(), "chain").size(), 2U);
}

TEST_F(RunStoreTest, ADoneRunShowsItsResult) {
  const Ticket ticket = store().start_attempt("a", kPlace);
  EXPECT_EQ(row("a").status, "running");
  EXPECT_EQ(ticket, (Ticket{"a", 1, store().epoch()}));
  EXPECT_TRUE(store().finish(ticket, result(0.25)));
  const ResultRow done = row("a");
  EXPECT_EQ(done.status, "done");
  EXPECT_EQ(done.sweep, "grid");
  EXPECT_EQ(done.dataset, "tiny");
  EXPECT_EQ(done.model, "net");
  EXPECT_EQ(done.optimizer, "sgd");
  EXPECT_EQ(done.seed, 7);
  EXPECT_EQ(done.hit_10, 0.5);
  EXPECT_EQ(done.ndcg_10, 0.25);
  EXPECT_TRUE(std::isnan(done.mrr_10));  // It was not measured.
  EXPECT_EQ(done.latency_low_ms, 0.5);
  EXPECT_TRUE(std::isnan(done.tokens_per_s));
  EXPECT_EQ(done.params, 123456789012);
  EXPECT_EQ(done.ranks, 2);
  EXPECT_EQ(done.git_commit, "abc123");
  EXPECT_TRUE(read_leases(database()).empty());
  EXPECT_EQ(read_attempts(database(), "a").at(0).cause, "done");
}

TEST_F(RunStoreTest, AResultIsStoredOnceHoweverOftenItComes) {
  const Ticket ticket = store().start_attempt("a", kPlace);
  EXPECT_TRUE(store().finish(ticket, result(0.25)));
  EXPECT_TRUE(store().finish(ticket, result(0.99)));
  EXPECT_EQ(row("a").ndcg_10, 0.25);
  EXPECT_EQ(read_latency_samples(database(), "a").size(), 2U);
  open();  // Also after a restart of the coordinator.
  EXPECT_TRUE(store().finish(ticket, result(0.99)));
  EXPECT_EQ(row("a").ndcg_10, 0.25);
}

TEST_F(RunStoreTest, AnOlderTicketChangesNothing) {
  const Ticket old = store().start_attempt("a", kPlace);
  ASSERT_TRUE(store().fail(old, "worker lost", "killed", AfterFailure::Retry));
  const Ticket current = store().start_attempt("a", kPlace);
  EXPECT_FALSE(store().finish(old, result(0.1)));
  EXPECT_FALSE(store().fail(old, "error", "late", AfterFailure::GiveUp));
  EXPECT_FALSE(store().interrupt(old, 9));
  EXPECT_EQ(store().store_progress(std::vector{progress(old, 10)}), 0U);
  EXPECT_TRUE(read_steps(database(), "a").empty());
  EXPECT_EQ(row("a").status, "running");
  EXPECT_TRUE(store().finish(current, result(0.2)));
  EXPECT_EQ(row("a").ndcg_10, 0.2);
}

TEST_F(RunStoreTest, ATicketOfAnotherCoordinatorsEpochChangesNothing) {
  Ticket forged = store().start_attempt("a", kPlace);
  ++forged.coordinator_epoch;
  EXPECT_FALSE(store().finish(forged, result(0.1)));
  EXPECT_EQ(row("a").status, "running");
}

TEST_F(RunStoreTest, FailuresKeepTheirCauseAndText) {
  ASSERT_TRUE(
      store().fail(store().start_attempt("a", kPlace), "memory", "of node-a", AfterFailure::Retry));
  EXPECT_EQ(row("a").status, "pending");
  EXPECT_EQ(row("a").error, "");
  const std::string hostile = "Robert'); DROP TABLE runs;--\x1b[2J\n日本";
  ASSERT_TRUE(
      store().fail(store().start_attempt("a", kPlace), "error", hostile, AfterFailure::GiveUp));
  EXPECT_EQ(row("a").status, "failed");
  EXPECT_EQ(row("a").error, hostile);
  EXPECT_EQ(row("a").attempts, 2);
  const auto attempts = read_attempts(database(), "a");
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_EQ(attempts[0].cause, "memory");
  EXPECT_EQ(attempts[0].text, "of node-a");
  EXPECT_EQ(attempts[1].text, hostile);
  EXPECT_TRUE(attempts[1].end_ms);
}

TEST_F(RunStoreTest, RetryAndCancelObeyTheStatus) {
  EXPECT_FALSE(store().retry("a"));  // Pending already.
  store().fail(store().start_attempt("a", kPlace), "error", "no", AfterFailure::GiveUp);
  store().fail(store().start_attempt("b", kPlace), "error", "no", AfterFailure::GiveUp);
  EXPECT_TRUE(store().retry("a"));
  EXPECT_EQ(row("a").status, "pending");
  EXPECT_EQ(row("a").error, "");
  EXPECT_EQ(store().retry_failed(), 1);
  const Ticket ticket = store().start_attempt("a", kPlace);
  EXPECT_TRUE(store().cancel("a"));
  EXPECT_EQ(row("a").status, "cancelled");
  EXPECT_FALSE(store().finish(ticket, result(0.1)));
  EXPECT_TRUE(store().retry("a"));
  ASSERT_TRUE(store().finish(store().start_attempt("a", kPlace), result(0.1)));
  EXPECT_FALSE(store().cancel("a"));
  EXPECT_EQ(error_of([&] { store().cancel("nonsense"); }).exit_code(), kExitBadInput);
}

TEST_F(RunStoreTest, AnInterruptedRunIsPendingAndKnowsItsStep) {
  ASSERT_TRUE(store().interrupt(store().start_attempt("a", kPlace), 40));
  EXPECT_EQ(row("a").status, "pending");
  const AttemptRow attempt = read_attempts(database(), "a").at(0);
  EXPECT_EQ(attempt.cause, "interrupted");
  EXPECT_EQ(attempt.last_step, 40);
}

TEST_F(RunStoreTest, RunsOfADeadCoordinatorArePendingAgain) {
  const Ticket lost = store().start_attempt("a", kPlace);
  const int64_t epoch = store().epoch();
  open();
  EXPECT_EQ(store().epoch(), epoch + 1);
  EXPECT_EQ(row("a").status, "pending");
  EXPECT_EQ(read_attempts(database(), "a").at(0).cause, "coordinator lost");
  EXPECT_TRUE(read_leases(database()).empty());
  EXPECT_FALSE(store().finish(lost, result(0.1)));
  EXPECT_EQ(store().start_attempt("a", kPlace).attempt, 2);
  EXPECT_TRUE(read_coordinators(database()).at(0).end_ms);
}

TEST_F(RunStoreTest, ProgressRenewsTheLease) {
  const Ticket ticket = store().start_attempt("a", kPlace);
  EXPECT_EQ(read_leases(database()).at(0).phase, "start");
  EXPECT_EQ(store().store_progress(std::vector{progress(ticket, 10), progress(ticket, 20)}), 2U);
  const LeaseRow lease = read_leases(database()).at(0);
  EXPECT_EQ(lease.run_id, "a");
  EXPECT_EQ(lease.phase, "train");
  EXPECT_EQ(lease.step, 20);
  EXPECT_EQ(lease.epochs, 100);
  EXPECT_EQ(lease.fraction, 0.25);
  const AttemptRow attempt = read_attempts(database(), "a").at(0);
  EXPECT_EQ(attempt.resumed_from_step, 10);
  EXPECT_EQ(attempt.last_step, 20);
}

TEST_F(RunStoreTest, AGhostWritesNothing) {
  const Ticket ticket = store().start_attempt("a", kPlace);
  std::filesystem::remove(path().string() + ".lock");  // As on a file system without locks.
  RunStore younger(path(), 0);
  for (const std::function<void()>& write : std::vector<std::function<void()>>{
           [&] { (void)store().finish(ticket, result(0.9)); },
           [&] { store().store_progress(std::vector{progress(ticket, 10)}); },
           [&] { store().start_attempt("b", kPlace); },
           [&] { store().add_sweep("ghost", "", planned({"x"})); },
           [&] { store().add_event("ghost", "boo"); }, [&] { store().retry_failed(); }}) {
    const Error error = error_of(write);
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
    EXPECT_THAT(error.what(), HasSubstr("fenced"));
  }
  EXPECT_EQ(row("a").status, "pending");
  EXPECT_EQ(row("b").status, "pending");
  EXPECT_TRUE(read_steps(database(), "a").empty());
  EXPECT_TRUE(read_events(database()).empty());
  EXPECT_EQ(read_sweeps(database()).size(), 1U);
  younger.start_attempt("a", kPlace);
}

TEST_F(RunStoreTest, EventsAndArtifactsComeBack) {
  store().add_event("shrink", "3 ranks are left", "a");
  store().add_event("start", "the sweep starts");
  const auto events = read_events(database());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].run_id, "a");
  EXPECT_EQ(events[1].run_id, "");
  EXPECT_EQ(read_events(database(), "", events[0].id).at(0).kind, "start");
  EXPECT_EQ(read_events(database(), "a").size(), 1U);

  const auto model = path().parent_path() / "model.bin";
  std::ofstream(model) << "weights";
  store().add_artifact("a", "model", model);
  const ArtifactRow artifact = read_artifacts(database(), "a").at(0);
  EXPECT_EQ(artifact.kind, "model");
  EXPECT_EQ(artifact.bytes, 7);
  EXPECT_EQ(artifact.sha256, sha256_hex("weights"));
}

TEST_F(RunStoreTest, AnEnvironmentIsStoredOnceAndNeedNotBeJson) {
  store().start_attempt("a", kPlace);
  store().start_attempt("b", kPlace);
  store().start_attempt("c", {.environment = "\xff no JSON"});
  Query count(database(), "SELECT count(*) FROM environments");
  ASSERT_TRUE(count.next());
  EXPECT_EQ(count.integer(0), 2);
  EXPECT_EQ(row("c").git_commit, "");
}

}  // namespace
}  // namespace seqsweep
