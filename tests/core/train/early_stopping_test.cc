#include "core/train/early_stopping.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(EarlyStopping, WaitsForSoManyEvaluationsWithoutABetterOne) {
  EarlyStopping stopping(2);
  EXPECT_FALSE(stopping.began());
  EXPECT_TRUE(stopping.observe(1, 0.0));  // Even nothing is better than no score.
  EXPECT_TRUE(stopping.observe(2, 0.5));
  EXPECT_FALSE(stopping.observe(3, 0.5));  // As good is not better.
  EXPECT_FALSE(stopping.exhausted());
  EXPECT_FALSE(stopping.observe(4, 0.4));
  EXPECT_TRUE(stopping.exhausted());
  EXPECT_EQ(stopping.best_epoch(), 2);
}

TEST(EarlyStopping, WithoutPatienceItWaitsForEver) {
  EarlyStopping stopping(0);
  stopping.observe(0, 1);
  for (int64_t epoch = 1; epoch < 100; ++epoch) stopping.observe(epoch, 0);
  EXPECT_FALSE(stopping.exhausted());
}

TEST(EarlyStopping, GoesOnFromItsState) {
  EarlyStopping fresh(3), first(3), second(3);
  second.restore(Json::parse(fresh.state().dump()));
  EXPECT_FALSE(second.began());
  first.observe(1, 0.1 + 0.2);
  first.observe(2, 0.1);
  second.restore(Json::parse(first.state().dump()));
  EXPECT_FALSE(second.observe(3, 0.1 + 0.2));
  EXPECT_FALSE(second.exhausted());
  EXPECT_FALSE(second.observe(4, 0));
  EXPECT_TRUE(second.exhausted());
  EXPECT_EQ(second.best_epoch(), 1);
}

}  // namespace
}  // namespace seqsweep
