#include <gtest/gtest.h>

#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

TEST(ConstantSchedule, NeverChanges) {
  const auto make = [] {
    return batch_schedules().make({{"name", "constant"}}, {.batch_size = 4, .microbatches = 3});
  };
  const auto schedule = make();
  EXPECT_FALSE(schedule->observes());  // The host need not wait for the device.
  schedule->observe({.beta = 100}, 12);
  schedule->end_epoch();
  EXPECT_EQ(schedule->microbatches({.step = 9, .epoch = 1, .microbatch = 2, .microbatches = 4}), 3);
  const auto restored = make();
  restored->restore(schedule->state());
  EXPECT_EQ(restored->microbatches({}), 3);
}

}  // namespace
}  // namespace seqsweep
