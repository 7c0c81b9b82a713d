#include "coordinator/coordinator.h"

#include <gmock/gmock.h>

#include "tests/coordinator/coordinator_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(CoordinatorTest, GivesRunsToWorkersUntilAllAreDone) {
  begin_ready(2, seeds_of_a_run(3));
  const auto dispatches = transport_->take<Dispatch>(1);
  ASSERT_THAT(dispatches, SizeIs(1));
  EXPECT_EQ(dispatches[0].config, runs_[0].config.json().dump());
  EXPECT_THAT(dispatches[0].members, ElementsAre(1));
  EXPECT_EQ(dispatches[0].folder, (settings_.runs_folder / runs_[0].run_id).string());
  const Ticket first = dispatches[0].ticket, second = ticket_of(2);
  finish(1, first);
  EXPECT_THAT(transport_->take<Committed>(1), SizeIs(1));
  const Ticket third = ticket_of(1);
  finish(2, second);
  EXPECT_FALSE(coordinator_->ended());
  finish(1, third);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
  EXPECT_THAT(transport_->take<Shutdown>(1), SizeIs(1));
  EXPECT_THAT(transport_->take<Shutdown>(2), SizeIs(1));
  EXPECT_EQ(counts().done, 3);
}

TEST_F(CoordinatorTest, NothingToDoEndsAtOnce) {
  begin_ready(1, seeds_of_a_run(1));
  finish(1, ticket_of(1));
  ASSERT_TRUE(coordinator_->ended());
  coordinator_.reset();
  store_.reset();
  begin(1, seeds_of_a_run(1));
  coordinator_->tick(0);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
}

TEST_F(CoordinatorTest, ARunsOwnFaultFailsItAndTheSweepGoesOn) {
  begin_ready(1, seeds_of_a_run(2));
  const Ticket bad = ticket_of(1);
  say(1, Failed{bad, "nan", "the loss is not a number"});
  EXPECT_EQ(counts().failed, 1);
  EXPECT_THAT(event_kinds(), ElementsAre("failed"));
  finish(1, ticket_of(1));
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  EXPECT_EQ(attempts(bad)[0].cause, "nan");
  EXPECT_EQ(attempts(bad)[0].text, "the loss is not a number");
}

TEST_F(CoordinatorTest, TheWorldsFaultIsRetriedLaterAndNotForEver) {
  settings_.retry = {.retries_max = 2, .delay_s = 10};
  begin_ready(1, seeds_of_a_run(1));
  Ticket ticket = ticket_of(1);
  say(1, Failed{ticket, "memory", "out of memory"});
  pass(9);
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  pass(2);
  ticket = ticket_of(1);
  EXPECT_EQ(ticket.attempt, 2);
  say(1, Failed{ticket, "world", "disk"});
  pass(19);
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  pass(2);
  say(1, Failed{ticket_of(1), "memory", "out of memory"});
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "retry", "failed"));
}

TEST_F(CoordinatorTest, ARunOnTwoRanksGoesToBothAndTheirLeaderReports) {
  begin(2, seeds_of_a_run(1, 2));
  say(1, Hello{.host = "a"});
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  say(2, Hello{.host = "a"});
  const Ticket ticket = ticket_of(1);
  EXPECT_EQ(ticket_of(2), ticket);
  finish(1, ticket);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(attempts(ticket)[0].ranks, 2);
}

TEST_F(CoordinatorTest, ARunThatNeedsMoreWorkersThanThereAreFailsAtOnce) {
  auto runs = seeds_of_a_run(2);
  runs[0].config.train.ranks = 3;
  begin_ready(2, runs);
  finish(1, ticket_of(1));
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  const auto results = read_results(store_->database(), "sweep");
  EXPECT_THAT(results[0].error, HasSubstr("needs 3 ranks, there are 2 workers"));
}

TEST_F(CoordinatorTest, ADrainGivesEveryRunBack) {
  bool stop = false;
  settings_.stop_requested = [&] { return stop; };
  begin_ready(2, seeds_of_a_run(3));
  const Ticket first = ticket_of(1), second = ticket_of(2);
  stop = true;
  coordinator_->tick(0);
  EXPECT_THAT(transport_->take<Drain>(1), SizeIs(1));
  EXPECT_THAT(transport_->take<Drain>(2), SizeIs(1));
  say(1, Interrupted{first, 7});
  EXPECT_FALSE(coordinator_->ended());
  finish(2, second);  // It was faster than the drain.
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitInterrupted);
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  EXPECT_EQ(counts().done, 1);
  EXPECT_EQ(counts().pending, 2);
  EXPECT_EQ(attempts(first)[0].last_step, 7);
}

TEST_F(CoordinatorTest, ADrainDoesNotWaitForEver) {
  settings_.drain_grace_s = 30;
  begin_ready(1, seeds_of_a_run(1));
  ticket_of(1);
  coordinator_->drain("test");
  pass(29);
  EXPECT_FALSE(coordinator_->ended());
  pass(1);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitInterrupted);
  EXPECT_EQ(counts().pending, 1);
  EXPECT_THAT(coordinator_->silent_workers(), SizeIs(1));  // Who ends the job ends it too.
}

TEST_F(CoordinatorTest, ACancelledRunWhoseWorkerHangsDoesNotHoldUpTheEnd) {
  settings_.drain_grace_s = 30;
  begin_ready(1, seeds_of_a_run(1));
  write_request(database(), {Request::Kind::Cancel, ticket_of(1).run_id});
  pass(1);
  pass(29);
  EXPECT_FALSE(coordinator_->ended());
  pass(1);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_THAT(coordinator_->silent_workers(), SizeIs(1));
}

TEST_F(CoordinatorTest, RequestsCancelRetryAndDrain) {
  begin_ready(1, seeds_of_a_run(3));
  const Ticket first = ticket_of(1);
  write_request(database(), {Request::Kind::Cancel, first.run_id});
  write_request(database(), {Request::Kind::Cancel, runs_[1].run_id});
  write_request(database(), {Request::Kind::Cancel, "no such run"});
  pass(1);
  EXPECT_THAT(transport_->take<Cancel>(1), SizeIs(1));
  EXPECT_EQ(counts().cancelled, 2);
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());  // Until the worker has left the first.
  say(1, Interrupted{first, 5});
  const Ticket third = ticket_of(1);
  EXPECT_EQ(third.run_id, runs_[2].run_id);
  say(1, Failed{third, "error", "broken"});
  EXPECT_TRUE(coordinator_->ended());
}

TEST_F(CoordinatorTest, ARetriedRunRunsAgain) {
  begin_ready(1, seeds_of_a_run(2));
  const Ticket bad = ticket_of(1);
  say(1, Failed{bad, "error", "broken"});
  const Ticket other = ticket_of(1);
  write_request(database(), {Request::Kind::Retry, bad.run_id});
  pass(1);
  finish(1, other);
  const Ticket again = ticket_of(1);
  EXPECT_EQ(again.run_id, bad.run_id);
  EXPECT_EQ(again.attempt, 2);
  write_request(database(), {Request::Kind::Drain, ""});
  pass(1);
  EXPECT_THAT(transport_->take<Drain>(1), SizeIs(1));
}

TEST_F(CoordinatorTest, ARunStartsOnceTheRunsThatItNeedsAreDone) {
  auto runs = seeds_of_a_run(3);
  let_need(runs[2], runs[0]);
  begin_ready(2, runs);
  const Ticket first = ticket_of(1), second = ticket_of(2);
  finish(2, second);
  EXPECT_THAT(transport_->take<Dispatch>(2), IsEmpty());
  EXPECT_FALSE(coordinator_->ended());
  finish(1, first);
  const Ticket third = ticket_of(1);
  EXPECT_EQ(third.run_id, runs_[2].run_id);
  finish(1, third);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
}

TEST_F(CoordinatorTest, ARunFailsWithTheOneThatItNeeds) {
  auto runs = seeds_of_a_run(3);
  let_need(runs[1], runs[0]);
  let_need(runs[2], runs[1]);
  begin_ready(1, runs);
  const Ticket first = ticket_of(1);
  say(1, Failed{first, "nan", "the loss is not a number"});
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  EXPECT_EQ(counts().failed, 3);
  EXPECT_THAT(read_results(store_->database(), "sweep")[2].error, HasSubstr(runs_[1].run_id));
}

TEST_F(CoordinatorTest, ARetryOfANeededRunBringsTheOthersBack) {
  auto runs = seeds_of_a_run(3);
  let_need(runs[1], runs[0]);
  begin_ready(1, runs);
  const Ticket first = ticket_of(1);
  write_request(database(), {Request::Kind::Cancel, first.run_id});
  pass(1);
  EXPECT_EQ(counts().failed, 1);
  EXPECT_EQ(counts().cancelled, 1);
  write_request(database(), {Request::Kind::Retry, first.run_id});
  pass(1);
  EXPECT_EQ(counts().failed, 0);
  say(1, Interrupted{first, 5});
  for (const size_t next : {0U, 1U, 2U}) {
    const Ticket ticket = ticket_of(1);
    EXPECT_EQ(ticket.run_id, runs_[next].run_id);
    finish(1, ticket);
  }
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
}

TEST_F(CoordinatorTest, ARunThatIsWorseThanItsRivalsIsPruned) {
  auto runs = seeds_of_a_run(2);
  for (SweepRun& run : runs) {
    run.config.train.batch_size = run.config.seed;
    run.config.seed = 1;
    run.run_id = config_hash(run.config.json());
  }
  settings_.prune = PruneConfig{.rungs = {1}};
  begin_ready(2, runs);
  const Ticket good = ticket_of(1), bad = ticket_of(2);
  const auto tell = [&](int rank, const Ticket& ticket, double value) {
    say(rank, Progress{.ticket = ticket,
                       .step = 1,
                       .phase = "train",
                       .metrics = {{1, "validation", "ndcg@10", value}}});
  };
  tell(1, good, 0.5);
  tell(2, bad, 0.25);
  EXPECT_THAT(transport_->take<Cancel>(1), IsEmpty());
  EXPECT_THAT(transport_->take<Cancel>(2), SizeIs(1));
  EXPECT_EQ(attempts(bad)[0].cause, "pruned");
  say(2, Interrupted{bad, 1});
  finish(1, good);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
  EXPECT_EQ(counts().cancelled, 1);
  EXPECT_THAT(read_results(store_->database())[1].error, HasSubstr("pruned: ndcg@10 0.2500"));
}

TEST_F(CoordinatorTest, ADrainThatCameWhileDataSetsWerePreparedCounts) {
  write_request(database(), {Request::Kind::Drain, ""});
  begin_ready(1, seeds_of_a_run(1));
  pass(1);
  EXPECT_THAT(transport_->take<Drain>(1), SizeIs(1));
}

}  // namespace
}  // namespace seqsweep
