#include "coordinator/coordinator.h"

#include <gmock/gmock.h>

#include "tests/coordinator/coordinator_fixture.h"

namespace seqsweep {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(CoordinatorTest, ARepeatedResultIsAcknowledgedAgainAndCountedOnce) {
  begin_ready(1, seeds_of_a_run(2));
  const Ticket ticket = ticket_of(1);
  finish(1, ticket);
  const Ticket second = ticket_of(1);
  finish(1, ticket);
  EXPECT_THAT(transport_->take<Committed>(1), SizeIs(2));
  EXPECT_EQ(counts().done, 1);
  EXPECT_THAT(attempts(ticket), SizeIs(1));
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());  // It is still at the second run.
  finish(1, second);
  EXPECT_TRUE(coordinator_->ended());
}

TEST_F(CoordinatorTest, ProgressIsStoredInBatchesAndBeforeTheResult) {
  begin_ready(1, seeds_of_a_run(1));
  const Ticket ticket = ticket_of(1);
  say(1, Progress{.ticket = ticket,
                  .step = 10,
                  .epoch = 1,
                  .epochs = 2,
                  .phase = "train",
                  .steps = {{.step = 10, .loss = 0.5, .batch_size = 4}},
                  .metrics = {{1, "validation", "ndcg@10", 0.125}}});
  finish(1, ticket);
  EXPECT_THAT(read_steps(store_->database(), ticket.run_id), SizeIs(1));
  EXPECT_THAT(read_metrics(store_->database(), ticket.run_id), SizeIs(2));
}

TEST_F(CoordinatorTest, AWorkerThatStopsUnaskedDrainsTheSweep) {
  begin_ready(2, seeds_of_a_run(2));
  const Ticket first = ticket_of(1), second = ticket_of(2);
  say(1, Interrupted{first, 3});
  pass(1);
  EXPECT_THAT(transport_->take<Dispatch>(1), IsEmpty());
  EXPECT_THAT(transport_->take<Drain>(2), SizeIs(1));
  say(2, Interrupted{second, 4});
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitInterrupted);
  EXPECT_EQ(counts().pending, 2);
}

TEST_F(CoordinatorTest, WhatNoWorkerSaysIsDropped) {
  begin_ready(1, seeds_of_a_run(1));
  say(1, Shutdown{});
  say(1, Committed{});
  say(7, Hello{.host = "from nowhere"});
  say(1, Progress{.ticket = {"unknown", 1, 1}});
  EXPECT_THAT(transport_->take<Cancel>(1), SizeIs(1));
  finish(1, ticket_of(1));
  EXPECT_TRUE(coordinator_->ended());
}

}  // namespace
}  // namespace seqsweep
