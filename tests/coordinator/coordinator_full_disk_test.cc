// What the coordinator does when the database cannot take a result.
#include "tests/coordinator/coordinator_fixture.h"
#include "tests/support/disk.h"

namespace seqsweep {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class FullDiskTest : public CoordinatorTest {
 protected:
  // A run is under way, and the database cannot take its result.
  Ticket begin_on_full_disk() {
    begin_ready(1, seeds_of_a_run(2));
    const Ticket ticket = ticket_of(1);
    set_pages(1);  // SQLite: no more than there are now.
    return ticket;
  }
  void set_pages(int64_t most) {
    store_->database().run_script(fmt::format("PRAGMA max_page_count = {}", most));
  }
  int64_t pages() {
    Query query(store_->database(), "PRAGMA page_count");
    query.next();
    return query.integer(0);
  }
  // More than the free space of the pages that there are.
  void finish_large(const Ticket& ticket) {
    RunResult result = result_of(run_of(ticket));
    result.user_ranks.assign(100'000, 1);
    say(1, Finished{ticket, result});
  }
};

TEST_F(FullDiskTest, EndsTheSweepWhenNobodyIsToWait) {
  const Ticket ticket = begin_on_full_disk();
  try {
    finish_large(ticket);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitWorldFailed);
  }
  EXPECT_THAT(transport_->take<Committed>(1), IsEmpty());
  coordinator_.reset();
  store_.reset();
  begin(1, seeds_of_a_run(2));  // The database opens.
  EXPECT_EQ(counts().pending, 2);
}

TEST_F(FullDiskTest, WhatFittedIsToldWhileTheRestWaits) {
  settings_.disk_full_wait_s = 3600;
  begin_ready(2, seeds_of_a_run(2));
  const Ticket small = ticket_of(1);
  transport_->incoming.push_back({1, Finished{small, result_of(run_of(small))}});
  const Ticket large = ticket_of(2);
  set_pages(pages() + 1);
  finish_large(large);
  EXPECT_THAT(transport_->take<Committed>(1), SizeIs(1));
  EXPECT_THAT(transport_->take<Committed>(2), IsEmpty());
}

TEST_F(FullDiskTest, NobodyIsToldOfWhatDidNotReachTheDisk) {
  begin_ready(1, seeds_of_a_run(2));
  const Ticket ticket = ticket_of(1);
  disk_fails = true;
  EXPECT_THROW(finish(1, ticket), Error);
  disk_fails = false;
  EXPECT_THAT(transport_->sent, IsEmpty());
}

TEST_F(FullDiskTest, PausesAndGoesOnWhenThereIsRoom) {
  settings_.disk_full_wait_s = 3600;
  settings_.lease_s = 60;
  const Ticket ticket = begin_on_full_disk();
  finish_large(ticket);
  for (int i = 0; i < 100; ++i) {
    clock_.now_ms += 2000;
    finish_large(ticket);  // The worker repeats it.
  }
  EXPECT_THAT(transport_->take<Committed>(1), IsEmpty());
  EXPECT_EQ(counts().running, 1);
  set_pages(1'000'000);
  coordinator_->tick(0);
  EXPECT_THAT(transport_->take<Committed>(1), SizeIs(1));
  EXPECT_EQ(counts().done, 1);
  finish(1, ticket_of(1));
  EXPECT_EQ(coordinator_->exit_code(), kExitDone);
}

TEST_F(FullDiskTest, DoesNotPauseForEver) {
  settings_.disk_full_wait_s = 10;
  finish_large(begin_on_full_disk());
  pass(9);
  EXPECT_THROW(pass(1), Error);
}

}  // namespace
}  // namespace seqsweep
