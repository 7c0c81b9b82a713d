#include "core/eval/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace seqsweep {
namespace {

using Numbers = std::vector<double>;

Json golden_cases() {
  const Json cases =
      Json::parse(read_file(SEQSWEEP_SOURCE_DIR "/tests/golden/bootstrap.json")).at("cases");
  EXPECT_FALSE(cases.empty());
  return cases;
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const Numbers sorted = {1, 2, 4, 8};
  EXPECT_EQ(quantile(sorted, 0), 1);
  EXPECT_EQ(quantile(sorted, 0.5), 3);
  EXPECT_EQ(quantile(sorted, 0.25), 1.75);
  EXPECT_EQ(quantile(sorted, 1), 8);
  EXPECT_EQ(quantile(Numbers{5}, 0.3), 5);
}

TEST(WithoutOutliers, KeepsWhatLiesOnTheFences) {
  // Quartiles 2 and 4, fences -1 and 7.
  EXPECT_EQ(without_outliers(Numbers{7, 1, 2, 3, 4}), (Numbers{7, 1, 2, 3, 4}));
  EXPECT_EQ(without_outliers(Numbers{7.01, 1, 2, 3, 4}), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(without_outliers(Numbers{2, -1.01, 2, 3, 4, 4, 3}), (Numbers{2, 2, 3, 4, 4, 3}));
  EXPECT_TRUE(without_outliers(Numbers{}).empty());
}

TEST(Bootstrap, EqualsScipyOnTheSameResamples) {
  for (const Json& test : golden_cases()) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const Numbers sample = test.at("sample"), resampled = test.at("resampled_means");
    EXPECT_NEAR(bias_correction(resampled, mean(sample)), test.at("bias_correction"), 1e-12);
    EXPECT_NEAR(acceleration(sample), test.at("acceleration"), 1e-12);
    const MeanInterval interval = bca_interval(sample, resampled, 0.95);
    EXPECT_NEAR(interval.low, test.at("low"), 1e-12);
    EXPECT_NEAR(interval.high, test.at("high"), 1e-12);
    EXPECT_EQ(without_outliers(sample), test.at("without_outliers").get<Numbers>());
    Numbers sorted = sample;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_DOUBLE_EQ(quantile(sorted, 0.25), test.at("quartiles").at(0));
    EXPECT_DOUBLE_EQ(quantile(sorted, 0.75), test.at("quartiles").at(1));
  }
}

TEST(Bootstrap, OwnResamplesAgreeWithScipyUpToNoise) {
  for (const Json& test : golden_cases()) {
    SCOPED_TRACE(test.at("name").get<std::string>());
    const Numbers sample = test.at("sample");
    const double low = test.at("many_low"), high = test.at("many_high");
    const MeanInterval interval = bootstrap_mean(sample, 7);
    // The standard error of an end from 9,999 resamples is about 1 % of the width.
    EXPECT_NEAR(interval.low, low, 0.04 * (high - low));
    EXPECT_NEAR(interval.high, high, 0.04 * (high - low));
  }
}

TEST(Bootstrap, TheSeedDecidesTheDraws) {
  const Numbers sample = {1, 2, 4, 8, 16};
  const MeanInterval once = bootstrap_mean(sample, 1, 50), again = bootstrap_mean(sample, 1, 50);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  const MeanInterval other = bootstrap_mean(sample, 2, 50);
  EXPECT_TRUE(once.low != other.low || once.high != other.high);
}

TEST(Bootstrap, EqualValuesHaveNoWidth) {
  for (const Numbers& sample : {Numbers{3, 3, 3}, Numbers{3}}) {
    const MeanInterval interval = bootstrap_mean(sample, 1);
    EXPECT_EQ(interval.mean, 3);
    EXPECT_EQ(interval.low, 3);
    EXPECT_EQ(interval.high, 3);
  }
  EXPECT_THROW(bootstrap_mean(Numbers{}, 1), Error);
}

}  // namespace
}  // namespace seqsweep
