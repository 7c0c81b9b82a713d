#include "kernels/lanes.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "kernels/activations.h"

namespace seqsweep {
namespace lanes_test {

template <typename T>
void expect_exp2(double tolerance) {
  for (double first = -130; first <= 0; first += 0.37) {
    Lanes<T> x{};
    for (int64_t i = 0; i < kLanes<T>; ++i) x[i] = static_cast<T>(first / (1.0 + i));
    const Lanes<T> power = exp2_of(x);
    for (int64_t i = 0; i < kLanes<T>; ++i) {
      const double exact = std::exp2(std::max<double>(x[i], -125));
      EXPECT_NEAR(power[i], exact, tolerance * exact + 1e-37) << x[i];
    }
  }
  const Lanes<T> zero{};
  EXPECT_EQ(exp2_of(zero)[0], 1);
  EXPECT_TRUE(std::isnan(exp2_of(zero + std::numeric_limits<T>::quiet_NaN())[1]));
  EXPECT_NEAR(exp2_of(zero - std::numeric_limits<T>::infinity())[2], 0, 1e-37);
}

TEST(Lanes, PowersOfTwoAreAccurate) {
  expect_exp2<float>(2e-7);
  expect_exp2<double>(1e-15);
}

template <typename T>
void expect_sums() {
  constexpr int64_t kStride = 3;
  std::array<Lanes<T>, kLanes<T> * kStride> x{};
  for (size_t i = 0; i < x.size(); ++i) {
    for (int64_t j = 0; j < kLanes<T>; ++j) x[i][j] = static_cast<T>(i * i + 7 * j * i + j);
  }
  const Lanes<T> sums = sum_each(x.data(), kStride);
  for (int64_t i = 0; i < kLanes<T>; ++i) {
    T sum = 0;
    for (int64_t j = 0; j < kLanes<T>; ++j) sum += x[i * kStride][j];
    EXPECT_EQ(sums[i], sum) << i;  // Whole numbers: exact in any order.
  }
}

TEST(Lanes, SumsAreOfEachVector) {
  expect_sums<float>();
  expect_sums<double>();
}

template <typename T>
void expect_activations(double tolerance) {
  for (double x = -80; x <= 80; x += 0.31) {
    const T rounded = static_cast<T>(x);
    const double exact = rounded, sigmoid = 1 / (1 + std::exp(-exact));
    const double softplus = std::max(exact, 0.0) + std::log1p(std::exp(-std::abs(exact)));
    EXPECT_NEAR(softplus_of(rounded), softplus, tolerance * softplus) << x;
    EXPECT_NEAR(sigmoid_of(rounded), sigmoid, tolerance * sigmoid) << x;
    EXPECT_NEAR(silu_of(rounded), exact * sigmoid, tolerance * std::abs(exact * sigmoid)) << x;
    EXPECT_NEAR(silu_derivative_of(rounded), sigmoid * (1 + exact * (1 - sigmoid)), 4 * tolerance);
  }
  EXPECT_TRUE(std::isnan(softplus_of(std::numeric_limits<T>::quiet_NaN())));
}

TEST(Activations, AreAccurate) {
  expect_activations<float>(1e-6);
  expect_activations<double>(1e-13);
}

}  // namespace lanes_test
}  // namespace seqsweep
