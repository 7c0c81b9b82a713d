#include "core/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace seqsweep {
namespace {

TEST(Random, SameSeedSameNumbersOnEveryMachine) {
  Rng rng(42);
  EXPECT_EQ(rng.bits(), mix64(42));
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);  // SplitMix64's published first output for seed 0.
  EXPECT_NE(seed_of(1, 2, 3), seed_of(1, 3, 2));
}

TEST(Random, BelowIsUniform) {
  Rng rng(7);
  std::vector<int> counts(10);
  for (int i = 0; i < 100'000; ++i) ++counts[rng.below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Random, NormalHasItsMoments) {
  Rng rng(3);
  double sum = 0, squares = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / 100'000, 0, 0.02);
  EXPECT_NEAR(squares / 100'000, 1, 0.02);
}

TEST(Random, ShuffleKeepsTheItems) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  Rng rng(5);
  shuffle(std::span(items), rng);
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
  std::sort(items.begin(), items.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(items[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace seqsweep
