#include "tools/report/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace seqsweep {
namespace {

TEST(Numbers, CountsAreWrittenAsInThePaper) {
  EXPECT_EQ(short_count(7'000'000'000), "7B");
  EXPECT_EQ(short_count(130'412'000), "130M");
  EXPECT_EQ(short_count(14'012'345), "14M");
  EXPECT_EQ(short_count(1'812'345), "1.8M");
  EXPECT_EQ(short_count(2'010'000), "2M");
  EXPECT_EQ(short_count(290'300), "290k");
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(0), "0");
}

TEST(Numbers, RoundingCarriesIntoTheNextUnit) {
  EXPECT_EQ(short_count(999'499), "999k");
  EXPECT_EQ(short_count(999'500), "1M");
  EXPECT_EQ(short_count(9'960'000), "10M");
}

TEST(Numbers, ThreeSignificantDigits) {
  EXPECT_EQ(decimal_text(0.0117234, decimals_for(0.0117234)), "0.0117");
  EXPECT_EQ(decimal_text(0.1172, decimals_for(0.1172)), "0.117");
  EXPECT_EQ(decimal_text(12.345, decimals_for(12.345)), "12.3");
  EXPECT_EQ(decimal_text(1234.5, decimals_for(1234.5)), "1234");
  EXPECT_EQ(decimal_text(0, decimals_for(0)), "0.00");
  EXPECT_EQ(decimals_for(std::nan("")), 2);
}

TEST(Numbers, WhatIsMissingIsEmpty) {
  EXPECT_EQ(metric_text(std::nan("")), "");
  EXPECT_EQ(metric_text(0.04804), "0.0480");
}

TEST(Numbers, RatiosToThePaper) {
  EXPECT_EQ(ratio_text(0.236, "0.224"), "×1.05");
  EXPECT_EQ(ratio_text(16'100'000, "14M"), "×1.15");
  EXPECT_EQ(ratio_text(300'000, "320k"), "×0.94");
  EXPECT_EQ(ratio_text(320'000, "7B"), "×0.000046") << "not ×0.00";
  EXPECT_EQ(ratio_text(0.236, ""), "");
  EXPECT_EQ(ratio_text(0.236, "0"), "");
  EXPECT_EQ(ratio_text(std::nan(""), "0.224"), "");
}

}  // namespace
}  // namespace seqsweep
