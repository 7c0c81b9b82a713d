#include "coordinator/run_queue.h"

#include <gmock/gmock.h>

#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RunQueueTest : public ::testing::Test {
 protected:
  RunQueueTest() {
    std::vector<QueuedRun> pending;
    for (const SweepRun& run : runs_) pending.push_back({.run_id = run.run_id});
    pending.push_back({.run_id = "of another sweep"});
    queue_.refill(pending);
  }
  static std::vector<SweepRun> two_on_films_one_on_books() {
    std::vector<SweepRun> runs = seeds_of_a_run(3, 2);
    runs.back().label = "books/deep/climb/seed 1";
    return runs;
  }
  std::vector<SweepRun> runs_ = two_on_films_one_on_books();
  RunQueue queue_{runs_, {.retries_max = 2, .delay_s = 3}};
};

TEST_F(RunQueueTest, HoldsTheSweepsRunsInOrder) {
  const auto waiting = queue_.waiting();
  ASSERT_THAT(waiting, SizeIs(3));
  EXPECT_EQ(waiting[0].run_id, runs_[0].run_id);
  EXPECT_EQ(waiting[0].label, runs_[0].label);
  EXPECT_EQ(waiting[0].ranks, 2);
  EXPECT_EQ(queue_.label("of another sweep"), "of another sweep");
  queue_.remove(runs_[0].run_id);
  EXPECT_EQ(queue_.waiting()[0].run_id, runs_[1].run_id);
  queue_.refill({});
  EXPECT_TRUE(queue_.empty());
}

TEST_F(RunQueueTest, RetriesAreBoundedAndEachWaitsLonger) {
  const std::string& run_id = runs_[0].run_id;
  EXPECT_TRUE(queue_.may_retry(run_id));
  queue_.note_failure(run_id, 1000);
  EXPECT_EQ(queue_.waiting()[0].not_before_ms, 4000);
  EXPECT_TRUE(queue_.may_retry(run_id));
  queue_.note_failure(run_id, 10'000);
  EXPECT_EQ(queue_.waiting()[0].not_before_ms, 16'000);
  EXPECT_FALSE(queue_.may_retry(run_id));
  EXPECT_EQ(queue_.waiting()[1].not_before_ms, 0);
}

TEST_F(RunQueueTest, OtherSeedsOfARunAreExpectedToTakeAsLong) {
  EXPECT_EQ(queue_.waiting()[0].estimate_s, std::nullopt);
  queue_.note_duration(runs_[0].run_id, 10);
  queue_.note_duration(runs_[1].run_id, 20);
  EXPECT_EQ(queue_.waiting()[0].estimate_s, 15);
  EXPECT_EQ(queue_.waiting()[1].estimate_s, 15);
  EXPECT_EQ(queue_.waiting()[2].estimate_s, std::nullopt);  // On other data.
}

}  // namespace
}  // namespace seqsweep
