#include "tools/dashboard/downsample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace seqsweep {
namespace {

std::vector<CurveXy> wave(size_t n) {
  std::vector<CurveXy> curve;
  for (size_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(i);
    curve.push_back({x, std::sin(x / 50)});
  }
  return curve;
}

TEST(Downsample, ShortCurvesStayAsTheyAre) {
  EXPECT_EQ(downsample(wave(400), 400), wave(400));
  EXPECT_TRUE(downsample({}, 4).empty());
}

TEST(Downsample, LongOnesKeepEndsOrderAndEverySpike) {
  std::vector<CurveXy> curve = wave(10'000);
  curve[1234].y = 50, curve[7777].y = -50;
  const std::vector<CurveXy> few = downsample(curve, 400);
  EXPECT_LE(few.size(), 400U);
  EXPECT_GT(few.size(), 300U);
  EXPECT_EQ(few.front(), curve.front());
  EXPECT_EQ(few.back(), curve.back());
  EXPECT_TRUE(std::ranges::is_sorted(few, {}, &CurveXy::x));
  EXPECT_EQ(std::ranges::count(few, curve[1234]), 1);
  EXPECT_EQ(std::ranges::count(few, curve[7777]), 1);
}

TEST(Downsample, WhatIsNotFiniteIsLeftOut) {
  EXPECT_EQ(downsample({{1, std::nan("")}, {2, 5}, {3, INFINITY}}, 4),
            (std::vector<CurveXy>{{2, 5}}));
}

TEST(Downsample, FourPointsAreTheFewest) {
  EXPECT_EQ(downsample(wave(1000), 4).size(), 4U);
}

}  // namespace
}  // namespace seqsweep
