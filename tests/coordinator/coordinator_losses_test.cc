// Workers that hang or die, and what becomes of their runs.
#include "coordinator/coordinator.h"

#include <gmock/gmock.h>

#include "core/base/files.h"
#include "core/protocol/stack_file.h"
#include "tests/coordinator/coordinator_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(CoordinatorTest, AnAttemptThatDoesNotGetOnIsLost) {
  settings_.lease_s = 60;
  settings_.retry.delay_s = 0;
  begin_ready(2, seeds_of_a_run(1));
  const Ticket ticket = ticket_of(1);
  const auto alive = [&](int64_t step) {
    say(1, Progress{.ticket = ticket, .step = step, .phase = "train"});
  };
  alive(1);
  pass(50);
  alive(2);
  pass(50);
  EXPECT_EQ(counts().running, 1);  // Slow is not hung.
  alive(2);
  pass(11);
  EXPECT_EQ(attempts(ticket)[0].cause, "lost");
  EXPECT_THAT(transport_->take<Cancel>(1), SizeIs(1));
  const Ticket second = ticket_of(2);  // Not to the worker that hangs.
  EXPECT_EQ(second.attempt, 2);
  EXPECT_TRUE(coordinator_->lost_workers());
  // The first worker comes back: fenced, and of use again.
  finish(1, ticket);
  EXPECT_EQ(counts().done, 0);
  EXPECT_THAT(transport_->take<Committed>(1), IsEmpty());
  EXPECT_THAT(transport_->take<Cancel>(1), SizeIs(1));
  EXPECT_FALSE(coordinator_->lost_workers());
  finish(2, second);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 1);
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "stale"));
}

TEST_F(CoordinatorTest, TheStackOfAWorkerThatHangsIsToldWithItsLoss) {
  settings_.lease_s = 60;
  begin_ready(2, seeds_of_a_run(1));
  const Ticket ticket = ticket_of(1);
  const auto run_folder = settings_.runs_folder / ticket.run_id;
  std::filesystem::create_directories(run_folder);
  write_file_atomic(stack_file(run_folder, 1),
                    "wait() +0x1 (libmpi.so)\ntrain() +0x2 (seqsweep)\n");
  write_file_atomic(stack_file(run_folder, 2), "of another rank\n");
  pass(61);
  EXPECT_THAT(event_kinds(), testing::Contains("stack").Times(1));
  for (const EventRow& event : read_events(store_->database())) {
    if (event.kind != "stack") continue;
    EXPECT_THAT(event.text, HasSubstr("rank 1 stands in wait() +0x1 (libmpi.so) < train() +0x2"));
  }
}

TEST_F(CoordinatorTest, ADeadWorkersRunGoesElsewhereAtOnce) {
  settings_.retry.delay_s = 100;
  begin_ready(2, seeds_of_a_run(2));
  const Ticket ticket = ticket_of(1), other = ticket_of(2);
  transport_->dead = {1};
  coordinator_->tick(0);
  EXPECT_EQ(attempts(ticket)[0].cause, "lost");
  EXPECT_EQ(attempts(ticket)[0].text, "rank 1 died");
  EXPECT_TRUE(coordinator_->lost_workers());
  EXPECT_TRUE(coordinator_->silent_workers().empty());
  say(1, Hello{.host = "ghost"});  // What it said before it died.
  say(1, Finished{ticket, result_of(run_of(ticket))});
  finish(2, other);
  const Ticket again = ticket_of(2);
  EXPECT_EQ(again.run_id, ticket.run_id);
  EXPECT_EQ(again.attempt, 2);
  finish(2, again);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 2);
}

// They have to save the step that they reached before the run starts anew.
TEST_F(CoordinatorTest, TheSurvivorOfAGroupGoesOnOnceItLeftTheRun) {
  settings_.retry.delay_s = 100;
  auto runs = seeds_of_a_run(2);
  runs[0].config.train.ranks = 2;
  runs[1].config.train.epochs = 1;  // Shorter, so that it comes second.
  begin_ready(2, runs);
  const Ticket wide = ticket_of(1);
  EXPECT_EQ(ticket_of(2), wide);
  transport_->dead = {1};  // The one that leads.
  coordinator_->tick(0);
  EXPECT_EQ(counts().running, 1);
  EXPECT_THAT(transport_->take<Dispatch>(2), IsEmpty());
  say(2, Failed{wide, "world", "MPI_Iallreduce: MPI_ERR_PROC_FAILED"});
  EXPECT_EQ(attempts(wide)[0].cause, "lost");
  EXPECT_EQ(attempts(wide)[0].text, "rank 1 died");
  const auto dispatches = transport_->take<Dispatch>(2);
  ASSERT_THAT(dispatches, SizeIs(1));  // At once, with the ranks that are left.
  const Ticket again = dispatches[0].ticket;
  EXPECT_EQ(again.run_id, wide.run_id);
  EXPECT_THAT(dispatches[0].members, ElementsAre(2));
  EXPECT_EQ(attempts(again)[1].ranks, 1);
  finish(2, again);
  finish(2, ticket_of(2));
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 2);
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "fewer_ranks"));
}

// It must not be sent to a dead rank again.
TEST_F(CoordinatorTest, ASurvivorsWordMayComeBeforeTheMpis) {
  begin_ready(2, seeds_of_a_run(1, 2));
  const Ticket ticket = ticket_of(1);
  EXPECT_EQ(ticket_of(2), ticket);
  say(2, Failed{ticket, "lost", "group: a member died"});
  EXPECT_THAT(transport_->take<Dispatch>(2), IsEmpty());
  EXPECT_EQ(counts().running, 1);
  transport_->dead = {1};
  coordinator_->tick(0);
  EXPECT_EQ(attempts(ticket)[0].text, "rank 1 died");
  EXPECT_EQ(ticket_of(2).attempt, 2);
}

TEST_F(CoordinatorTest, AResultThatCameInSpiteOfADeathCounts) {
  begin_ready(2, seeds_of_a_run(1, 2));
  const Ticket ticket = ticket_of(1);
  transport_->dead = {2};
  coordinator_->tick(0);
  finish(1, ticket);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 1);
}

TEST_F(CoordinatorTest, ARunThatKillsTwoWorkersIsQuarantined) {
  settings_.retry.delay_s = 0;
  begin_ready(3, seeds_of_a_run(1));
  const Ticket first = ticket_of(1);
  transport_->dead = {1};
  coordinator_->tick(0);
  EXPECT_EQ(ticket_of(2).attempt, 2);
  transport_->dead = {2};
  coordinator_->tick(0);
  EXPECT_THAT(transport_->take<Dispatch>(3), IsEmpty());
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "quarantined"));
  EXPECT_EQ(attempts(first)[1].cause, "lost");
}

TEST_F(CoordinatorTest, ARunWhoseTrainerDiesTwiceIsQuarantinedAndTheWorkerGoesOn) {
  settings_.retry.delay_s = 100;
  auto runs = seeds_of_a_run(2);
  runs[0].config.train.epochs *= 2;  // Longer: it comes first.
  begin_ready(1, runs);
  const Ticket first = ticket_of(1);
  say(1, Failed{first, "crash", "the trainer died by signal 11 (SIGSEGV) after step 3"});
  const Ticket second = ticket_of(1);  // At once: it need not wait for a better world.
  EXPECT_EQ(second.run_id, first.run_id);
  say(1, Failed{second, "gpu", "the GPU does not answer"});
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "quarantined"));
  EXPECT_EQ(attempts(first)[0].cause, "crash");
  EXPECT_EQ(attempts(first)[1].cause, "gpu");
  finish(1, ticket_of(1));
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
}

// It ends its trainer, which hung, and says so: the only worker there is.
TEST_F(CoordinatorTest, AWorkerThatComesBackAtOnceIsWaitedFor) {
  settings_.lease_s = 60;
  begin_ready(1, seeds_of_a_run(1));
  const Ticket first = ticket_of(1);
  pass(61);
  EXPECT_THAT(transport_->take<Cancel>(1), SizeIs(1));
  EXPECT_TRUE(coordinator_->lost_workers());
  say(1, Failed{first, "lost", "it goes on elsewhere: its trainer was killed"});
  EXPECT_FALSE(coordinator_->lost_workers());
  const Ticket second = ticket_of(1);
  EXPECT_EQ(second.attempt, 2);
  finish(1, second);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 1);
}

TEST_F(CoordinatorTest, ARunOnSeveralRanksWaitsForAWorkerThatMayComeBack) {
  settings_.lease_s = 60;
  auto runs = seeds_of_a_run(2);
  runs[1].config.train.ranks = 2;
  begin_ready(2, runs);
  const Ticket narrow = ticket_of(1);
  EXPECT_THAT(transport_->take<Dispatch>(2), IsEmpty());
  pass(61);
  const Ticket again = ticket_of(2);
  EXPECT_EQ(again.run_id, narrow.run_id);
  say(1, Failed{narrow, "lost", "it goes on elsewhere: its trainer was killed"});
  finish(2, again);
  const auto wide = transport_->take<Dispatch>(1);
  ASSERT_THAT(wide, SizeIs(1));
  EXPECT_THAT(wide[0].members, ElementsAre(1, 2));
}

TEST_F(CoordinatorTest, AWorkerThatDoesNotComeBackIsWaitedForNoLonger) {
  settings_.lease_s = 60;
  begin_ready(1, seeds_of_a_run(1));
  pass(61);
  EXPECT_NO_THROW(pass(29));
  EXPECT_THROW(pass(2), Error);
}

TEST_F(CoordinatorTest, WhatTakesEveryRunDownStopsTheSweep) {
  settings_.retry = {.retries_max = 0};
  begin_ready(1, seeds_of_a_run(10));
  for (int i = 0; i < 5; ++i) say(1, Failed{ticket_of(1), "world", "no such library"});
  const Ticket sixth = ticket_of(1);
  try {
    say(1, Failed{sixth, "world", "no such library"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
    EXPECT_THAT(error.what(), HasSubstr("6 of the last 6 attempts ended alike"));
  }
  EXPECT_EQ(counts().failed, 6);
  EXPECT_EQ(counts().pending, 4);
  EXPECT_EQ(event_kinds().back(), "stopped");
}

TEST_F(CoordinatorTest, WithoutWorkersTheSweepStopsAndSaysSo) {
  settings_.lease_s = 60;
  begin(1, seeds_of_a_run(1));
  coordinator_->tick(0);
  try {
    pass(61);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
    EXPECT_THAT(error.what(), HasSubstr("none of 1 workers is left"));
  }
  EXPECT_EQ(counts().pending, 1);
}

// ---- replacements ----

class Replacements : public CoordinatorTest {
 protected:
  Replacements() {
    settings_.replacement = [](int64_t rank, const Hello& dead) {
      return std::vector{fmt::format("worker {} of {} cores", rank, dead.cores)};
    };
  }
  void die(int rank) {
    transport_->dead = {rank};
    coordinator_->tick(0);
  }
};

TEST_F(Replacements, ADeadWorkerIsStartedAnewAndGetsRuns) {
  begin_ready(2, seeds_of_a_run(3));
  const Ticket lost = ticket_of(1), other = ticket_of(2);
  die(1);
  EXPECT_THAT(transport_->replaced, ElementsAre("1 on host: worker 1 of 1 cores"));
  EXPECT_FALSE(coordinator_->lost_workers());
  EXPECT_THAT(event_kinds(), ElementsAre("retry", "respawned"));
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());  // It is not there yet.
  say(1, Hello{.host = "host", .cores = 1});
  const Ticket first = ticket_of(1);
  EXPECT_NE(first.run_id, other.run_id);
  finish(1, first);
  finish(1, ticket_of(1));
  finish(2, other);
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(counts().done, 3);
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
}

TEST_F(Replacements, TheLastWorkerMayBeReplaced) {
  begin_ready(1, seeds_of_a_run(1));
  ticket_of(1);
  die(1);
  say(1, Hello{.host = "host", .cores = 1});
  finish(1, ticket_of(1));
  EXPECT_EQ(counts().done, 1);
}

TEST_F(Replacements, AGroupDoesWithoutIt) {
  begin_ready(2, seeds_of_a_run(1, 2));
  const Ticket wide = ticket_of(1);
  die(2);
  EXPECT_TRUE(transport_->replaced.empty());  // Nothing waits yet that it could train.
  say(1, Failed{wide, "lost", "group: a member died"});
  EXPECT_THAT(transport_->replaced, SizeIs(1));
  const auto again = transport_->take<Dispatch>(1);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_THAT(again[0].members, ElementsAre(1));
}

TEST_F(Replacements, AMembersNumberIsFreeOnceTheOthersHaveLeft) {
  begin_ready(2, seeds_of_a_run(2, 2));
  const Ticket wide = ticket_of(1);
  transport_->take<Dispatch>(2);
  die(2);
  EXPECT_TRUE(transport_->replaced.empty());
  say(1, Failed{wide, "lost", "group: a member died"});
  EXPECT_THAT(transport_->replaced, SizeIs(1));
  EXPECT_THAT(transport_->take<Dispatch>(1), SizeIs(1));
  say(2, Hello{.host = "host", .cores = 1});
  const auto own = transport_->take<Dispatch>(2);
  ASSERT_THAT(own, SizeIs(1));
  EXPECT_THAT(own[0].members, ElementsAre(2));
}

TEST_F(Replacements, AreNotStartedForEver) {
  settings_.lease_s = 1e5;
  begin_ready(1, seeds_of_a_run(10));
  ticket_of(1);
  die(1);
  say(1, Hello{.host = "host", .cores = 1});
  pass(1800);  // As many an hour as there were workers: one.
  EXPECT_THROW(die(1), Error);
  EXPECT_THAT(transport_->replaced, SizeIs(1));
}

TEST_F(Replacements, AnHourLaterThereMayBeAnotherOne) {
  settings_.lease_s = 1e5;
  begin_ready(1, seeds_of_a_run(10));
  ticket_of(1);
  die(1);
  say(1, Hello{.host = "host", .cores = 1});
  pass(3601);
  die(1);
  EXPECT_THAT(transport_->replaced, SizeIs(2));
}

TEST_F(Replacements, ThoseThatAreTooManyForTheHourComeInTheNextOne) {
  settings_.lease_s = 1e5;
  begin_ready(2, seeds_of_a_run(10));
  for (int i = 0; i < 3; ++i) {
    die(1);
    say(1, Hello{.host = "host", .cores = 1});
  }
  EXPECT_THAT(transport_->replaced, SizeIs(2));
  pass(3601);
  EXPECT_THAT(transport_->replaced, SizeIs(3));
}

// Nor is it killed for silence: the process of that number may be anybody's by now.
TEST_F(Replacements, OneThatNeverSaysHelloIsNotTakenForTheDead) {
  begin_ready(2, seeds_of_a_run(2));
  say(1, Hello{.host = "host", .pid = 4711, .cores = 1});
  die(1);
  pass(settings_.lease_s + 1);
  ASSERT_THAT(coordinator_->silent_workers(), testing::Not(IsEmpty()));
  for (const Hello& silent : coordinator_->silent_workers()) EXPECT_NE(silent.pid, 4711);
}

TEST_F(Replacements, WhereThatFailsTheSweepGoesOnWithFewer) {
  begin_ready(2, seeds_of_a_run(2));
  transport_->refuses = true;
  ticket_of(1);
  const Ticket other = ticket_of(2);
  die(1);
  EXPECT_TRUE(coordinator_->lost_workers());
  finish(2, other);
  finish(2, ticket_of(2));
  EXPECT_EQ(counts().done, 2);
}

TEST_F(Replacements, OneThatDiesBeforeItsHelloIsBuriedToo) {
  begin_ready(2, seeds_of_a_run(2));
  ticket_of(1);
  const Ticket other = ticket_of(2);
  die(1);
  die(1);
  EXPECT_THAT(transport_->replaced, SizeIs(2));
  finish(2, other);
  finish(2, ticket_of(2));
  EXPECT_TRUE(coordinator_->ended());
}

}  // namespace
}  // namespace seqsweep
