#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

TEST(LinearSchedule, GrowsWithTheEpochsUpToItsLimits) {
  const auto schedule = batch_schedules().make(
      {{"name", "linear"}, {"growth", 4}, {"max_batch", 100}, {"min_steps_per_epoch", 10}},
      {.batch_size = 10, .microbatches = 2});
  const auto at = [&](int64_t epoch, int64_t microbatch) {
    return schedule->microbatches({.epoch = epoch, .microbatch = microbatch, .microbatches = 1000});
  };
  EXPECT_FALSE(schedule->observes());
  EXPECT_EQ(at(0, 0), 2);
  EXPECT_EQ(at(0, 249), 2);
  EXPECT_EQ(at(0, 250), 3);
  EXPECT_EQ(at(1, 500), 8);
  EXPECT_EQ(at(9, 0), 10);
  EXPECT_EQ(schedule->microbatches({.epoch = 9, .microbatches = 35}), 3);
  EXPECT_EQ(schedule->microbatches({.epoch = 9, .microbatches = 5}), 1);
}

TEST(LinearSchedule, RefusesALimitThatOneMicrobatchExceeds) {
  try {
    batch_schedules().make({{"name", "linear"}, {"max_batch", 9}}, {.batch_size = 10});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_STREQ(error.what(), "batch_schedule.max_batch is at least train.batch_size, 10; got 9");
  }
}

}  // namespace
}  // namespace seqsweep
