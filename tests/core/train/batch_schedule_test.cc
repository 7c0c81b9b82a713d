#include "core/train/batch_schedule.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(ConstantSchedule, NeverChanges) {
  const auto schedule = make_constant_schedule(3);
  schedule->observe({.beta = 100}, 12);
  schedule->end_epoch();
  EXPECT_EQ(schedule->microbatches({.step = 9, .epoch = 1, .microbatch = 2, .microbatches = 4}), 3);
  const auto restored = make_constant_schedule(3);
  restored->restore(schedule->state());
  EXPECT_EQ(restored->microbatches({}), 3);
}

}  // namespace
}  // namespace seqsweep
