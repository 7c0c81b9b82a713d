#include "core/train/weighted_line.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace seqsweep {
namespace {

// The normal equations over all observations, weights and all.
WeightedLine::Fit solve_directly(const std::vector<double>& x, const std::vector<double>& y,
                                 double keep) {
  long double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double w = std::pow(static_cast<long double>(keep), x.size() - 1 - i);
    s += w, sx += w * x[i], sy += w * y[i], sxx += w * x[i] * x[i], sxy += w * x[i] * y[i];
  }
  const long double slope = (s * sxy - sx * sy) / (s * sxx - sx * sx);
  return {static_cast<double>((sy - slope * sx) / s), static_cast<double>(slope)};
}

TEST(WeightedLine, EqualsTheNormalEquations) {
  for (const double keep : {1.0, 0.99, 0.5}) {
    WeightedLine line(keep);
    std::vector<double> x, y;
    Rng rng(1);
    for (int i = 0; i < 300; ++i) {
      x.push_back(1 / std::sqrt(16.0 * (1 + i % 20)));
      y.push_back(0.3 + 4 * x.back() + rng.normal());
      line.add(x.back(), y.back());
    }
    const auto fit = line.fit();
    ASSERT_TRUE(fit);
    const auto expected = solve_directly(x, y, keep);
    EXPECT_NEAR(fit->slope, expected.slope, 1e-9 * std::abs(expected.slope));
    EXPECT_NEAR(fit->intercept, expected.intercept, 1e-9);
  }
}

TEST(WeightedLine, OnePlaceIsNoLine) {
  WeightedLine line(0.99);
  EXPECT_FALSE(line.fit());
  for (int i = 0; i < 1000; ++i) line.add(0.125, i % 7);
  EXPECT_FALSE(line.fit());
  line.add(0.1, 3);
  EXPECT_TRUE(line.fit());
}

TEST(WeightedLine, ForgetsOldPlacesUntilOneIsLeft) {
  WeightedLine line(0.9);
  line.add(0.5, 1);
  line.add(0.25, 2);
  ASSERT_TRUE(line.fit());
  for (int i = 0; i < 500; ++i) line.add(0.25, 2);
  EXPECT_FALSE(line.fit());
}

// The trap of plain sums: the numbers that matter are in the last digits.
TEST(WeightedLine, KeepsItsDigitsWhereXBarelyDiffers) {
  WeightedLine line(1);
  for (int i = 0; i < 1000; ++i) {
    const double x = 1 + 0.01 * (i % 2);
    line.add(x, 1e6 + 3 * x);
  }
  EXPECT_NEAR(line.fit()->slope, 3, 1e-6);
}

TEST(WeightedLine, RestoredItGoesOnWithTheSameBits) {
  WeightedLine line(0.9);
  for (int i = 1; i < 9; ++i) line.add(1.0 / i, i * i);
  WeightedLine again(0.9);
  again.restore(Json::parse(line.state().dump()));
  for (WeightedLine* one : {&line, &again}) one->add(0.7, 0.1);
  EXPECT_EQ(line.fit()->slope, again.fit()->slope);
  EXPECT_EQ(line.fit()->intercept, again.fit()->intercept);
  line.clear();
  EXPECT_FALSE(line.fit());
}

}  // namespace
}  // namespace seqsweep
