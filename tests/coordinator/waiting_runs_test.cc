#include "coordinator/waiting_runs.h"

#include <gtest/gtest.h>

#include "coordinator/devices.h"

namespace seqsweep {
namespace {

using Order = WaitingRuns::Order;

bool may_start(const WaitingRun&) {
  return true;
}

WaitingRun waits(const std::string& id, int64_t ranks, double seconds, int64_t turn = 0) {
  return {.run_id = id, .ranks = ranks, .turn = turn, .estimate_s = seconds, .path_s = seconds};
}

class WaitingRunsTest : public ::testing::Test {
 protected:
  std::string first(Order order, int64_t ranks_max = 100) const {
    const WaitingRun* run = runs_.first(order, ranks_max);
    return run ? run->run_id : "none";
  }
  std::string within(double seconds, int64_t ranks_max = 100) const {
    const WaitingRun* run = runs_.longest_within(seconds, ranks_max, may_start);
    return run ? run->run_id : "none";
  }
  WaitingRuns runs_;
};

TEST_F(WaitingRunsTest, TurnsOrLengthsDecideAcrossShelves) {
  runs_.add(waits("long", 1, 90, 1));
  runs_.add(waits("wide", 4, 20, 0));
  runs_.add(waits("short", 1, 10, 0));
  EXPECT_EQ(first(Order::Turn), "wide");
  EXPECT_EQ(first(Order::Length), "long");
  EXPECT_EQ(first(Order::Turn, 3), "short");
  EXPECT_EQ(first(Order::Length, 0), "none");
  EXPECT_EQ(runs_.longest_path_s(100), 90);
  EXPECT_EQ(runs_.demands().rbegin()->first, 4);
}

TEST_F(WaitingRunsTest, FindsTheLongestThatFits) {
  runs_.add(waits("a", 1, 10));
  runs_.add(waits("b", 2, 20));
  runs_.add(waits("c", 1, 30));
  EXPECT_EQ(within(9), "none");
  EXPECT_EQ(within(10), "a");
  EXPECT_EQ(within(29), "b");
  EXPECT_EQ(within(29, 1), "a");
  EXPECT_EQ(within(1000), "c");
}

TEST_F(WaitingRunsTest, ThoseThatBackOffAreNotSeenUntilTheirTime) {
  WaitingRun later = waits("later", 1, 10);
  later.not_before_ms = 500;
  runs_.add(later);
  EXPECT_EQ(first(Order::Turn), "none");
  EXPECT_FALSE(runs_.empty());
  runs_.wake(499);
  EXPECT_EQ(first(Order::Turn), "none");
  runs_.wake(500);
  EXPECT_EQ(first(Order::Turn), "later");
}

TEST_F(WaitingRunsTest, WorkIsWhatIsLeft) {
  runs_.add(waits("a", 2, 10));
  runs_.add(waits("b", 1, 5));
  EXPECT_EQ(runs_.work_s(), 25);
  runs_.add(waits("a", 1, 7));  // A new estimate.
  EXPECT_EQ(runs_.work_s(), 12);
  EXPECT_EQ(runs_.size(), 2);
  runs_.remove("a");
  runs_.remove("never there");
  runs_.remove("b");
  EXPECT_EQ(runs_.work_s(), 0);
  EXPECT_TRUE(runs_.empty());
  EXPECT_EQ(first(Order::Length), "none");
}

TEST_F(WaitingRunsTest, OnlyRunsOfTheSameTurnAreAlike) {
  WaitingRun films = waits("films", 1, 10), books = waits("books", 1, 5),
             late = waits("late", 1, 50, 1);
  films.dataset = "films", books.dataset = "books", late.dataset = "late";
  for (const WaitingRun& run : {films, books, late}) runs_.add(run);
  ASSERT_NE(runs_.alike_on("books", films, may_start), nullptr);
  EXPECT_EQ(runs_.alike_on("books", films, may_start)->run_id, "books");
  EXPECT_EQ(runs_.alike_on("late", films, may_start), nullptr);
  EXPECT_EQ(runs_.alike_on("unknown", films, may_start), nullptr);
}

TEST_F(WaitingRunsTest, WhatMayNotStartIsPassedOver) {
  WaitingRun big = waits("big", 1, 90), middle = waits("middle", 1, 50);
  big.bytes = 80, middle.bytes = 20;
  big.dataset = middle.dataset = "films";
  runs_.add(big);
  runs_.add(middle);
  runs_.add(waits("wide", 2, 70));
  const auto small = [](const WaitingRun& run) { return run.bytes < 50; };
  EXPECT_EQ(runs_.first(Order::Length, 2)->run_id, "big");
  EXPECT_EQ(runs_.first_that(Order::Length, 2, small)->run_id, "wide");
  EXPECT_EQ(runs_.first_that(Order::Length, 1, small)->run_id, "middle");
  EXPECT_EQ(runs_.longest_within(100, 1, small)->run_id, "middle");
  EXPECT_EQ(runs_.alike_on("films", big, small)->run_id, "middle");
  EXPECT_EQ(runs_.first_that(Order::Turn, 2, [](const WaitingRun&) { return false; }), nullptr);
}

TEST_F(WaitingRunsTest, DemandsAreCountedUntilTheyAreGone) {
  WaitingRun big = waits("big", 2, 1), whole = waits("whole", 1, 1);
  big.bytes = 80, whole.bytes = kWholeDevice;
  runs_.add(big);
  runs_.add(whole);
  EXPECT_EQ(runs_.demands(), (WaitingRuns::Demands{{1, {{kWholeDevice, 1}}}, {2, {{80, 1}}}}));
  runs_.remove("big");
  runs_.remove("whole");
  EXPECT_TRUE(runs_.demands().empty());
}

}  // namespace
}  // namespace seqsweep
