#include "core/eval/significance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace seqsweep {
namespace {

using Values = std::vector<double>;

Json golden() {
  return Json::parse(read_file(SEQSWEEP_SOURCE_DIR "/tests/golden/significance.json"));
}

TEST(Significance, PermutationTestsEqualScipy) {
  const Json cases = golden().at("cases");
  ASSERT_FALSE(cases.empty());
  for (const Json& test : cases) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const Values differences = test.at("differences");
    const double expected = test.at("p");
    const double p = permutation_p(differences, 1);
    if (test.at("exact")) {
      EXPECT_NEAR(p, expected, 1e-12);
    } else {  // Five standard errors of two shares of p / 2.
      EXPECT_NEAR(p, expected, 5 * std::sqrt(2 * expected / 9999) + 2.0 / 9999);
      EXPECT_NEAR(permutation_p(differences, 2, 200'000), expected,
                  7 * std::sqrt(2 * expected / 200'000) + 2.0 / 200'000);
    }
  }
}

TEST(Significance, BootstrapsEqualScipyUpToNoise) {
  const Json cases = golden().at("cases");
  for (const Json& test : cases) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const Values differences = test.at("differences");
    const double low = test.at("low"), high = test.at("high"), p = test.at("bootstrap_p");
    const PairedBootstrap made = paired_bootstrap(differences, 1, 20'000);
    EXPECT_NEAR(made.interval.mean, mean(differences), 1e-12);
    // Means of few values lie on a grid: an end may fall on the next of its points.
    const double noise = differences.size() < 20 ? 0.12 : 0.03;
    EXPECT_NEAR(made.interval.low, low, noise * (high - low));
    EXPECT_NEAR(made.interval.high, high, noise * (high - low));
    EXPECT_NEAR(made.p, p, 7 * std::sqrt(p / 20'000) + 1e-4);
    EXPECT_NEAR(effect_size(differences), test.at("effect").get<double>(), 1e-12);
  }
}

TEST(Significance, HolmEqualsThePaper) {
  const Json both = golden().at("holm");
  const Values p = both.at("p"), expected = both.at("corrected");
  const Values corrected = holm(p);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(corrected[i], expected[i], 1e-12);
}

TEST(Significance, WhatWasNotTestedDoesNotCountForHolm) {
  const Values corrected = holm(Values{std::nan(""), 0.02, 0.5});
  EXPECT_TRUE(std::isnan(corrected[0]));
  EXPECT_EQ(corrected[1], 0.04);
  EXPECT_EQ(corrected[2], 0.5);
  EXPECT_TRUE(holm(Values{}).empty());
}

TEST(Significance, EqualSystemsDoNotDiffer) {
  const Values same(50, 0.0);
  EXPECT_EQ(permutation_p(same, 1), 1);
  EXPECT_EQ(paired_bootstrap(same, 1).p, 1);
  EXPECT_EQ(paired_bootstrap(same, 1).interval.high, 0);
  EXPECT_TRUE(std::isnan(effect_size(same)));
  EXPECT_TRUE(std::isnan(permutation_p(Values{}, 1)));
  EXPECT_THROW(paired_bootstrap(Values{}, 1), Error);
}

// 2 of 2^12 patterns are as far; so many pairs that all differ alike need no luck.
TEST(Significance, ExtremesByHand) {
  EXPECT_DOUBLE_EQ(permutation_p(Values(12, 0.5), 1), 2.0 / 4096);
  EXPECT_DOUBLE_EQ(permutation_p(Values(12, -0.5), 1), 2.0 / 4096);
  EXPECT_DOUBLE_EQ(permutation_p(Values(1000, 0.5), 1), 2.0 / 10'000);
}

TEST(Significance, TheSignDoesNotMatterAndTheSeedDecides) {
  Values forward, backward;
  for (int i = 0; i < 300; ++i) {
    forward.push_back(std::sin(i) + 0.1);
    backward.push_back(-forward.back());
  }
  EXPECT_EQ(permutation_p(forward, 5), permutation_p(forward, 5));
  EXPECT_NEAR(permutation_p(forward, 5), permutation_p(backward, 5), 0.02);
  EXPECT_EQ(paired_bootstrap(forward, 5).interval.low, paired_bootstrap(forward, 5).interval.low);
  EXPECT_NE(paired_bootstrap(forward, 5).interval.low, paired_bootstrap(forward, 6).interval.low);
}

// Zeros are not drawn one by one, yet they must widen the interval as if they were.
TEST(Significance, PairsWithoutADifferenceCountInTheBootstrap) {
  Values sparse(1000, 0.0);
  for (size_t i = 0; i < 40; ++i) sparse[i * 25] = i % 4 == 0 ? -1 : 1;
  const PairedBootstrap fast = paired_bootstrap(sparse, 1, 9999);
  const MeanInterval slow = bootstrap_mean(sparse, 1);
  const double width = slow.high - slow.low;
  EXPECT_NEAR(fast.interval.low, slow.low, 0.05 * width);
  EXPECT_NEAR(fast.interval.high, slow.high, 0.05 * width);
}

}  // namespace
}  // namespace seqsweep
