#include "tools/report/statistic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace seqsweep {
namespace {

TEST(Statistic, MeanAndSampleDeviation) {
  const Statistic s = statistic({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_EQ(s.n, 8);
  EXPECT_DOUBLE_EQ(s.mean, 5);
  EXPECT_DOUBLE_EQ(s.sd, std::sqrt(32.0 / 7));
  EXPECT_EQ(s.low, 2);
  EXPECT_EQ(s.high, 9);
}

TEST(Statistic, OneValueHasNoSpread) {
  const Statistic s = statistic({0.25});
  EXPECT_EQ(s.n, 1);
  EXPECT_EQ(s.mean, 0.25);
  EXPECT_TRUE(std::isnan(s.sd));
}

TEST(Statistic, EqualValuesHaveExactlyNoSpread) {
  const Statistic s = statistic({0.1, 0.1, 0.1});
  EXPECT_EQ(s.mean, 0.1);
  EXPECT_EQ(s.sd, 0);
}

TEST(Statistic, WhatIsNotANumberIsMissing) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Statistic s = statistic({nan, 1, infinity, 3});
  EXPECT_EQ(s.n, 2);
  EXPECT_EQ(s.mean, 2);
  EXPECT_EQ(s.high, 3);
  EXPECT_TRUE(std::isnan(statistic({nan}).low));
  EXPECT_TRUE(std::isnan(statistic({nan}).mean));
  EXPECT_EQ(statistic({}).n, 0);
}

}  // namespace
}  // namespace seqsweep
