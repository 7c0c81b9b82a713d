#include "core/data/numbers.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(ParseRating, TakesFiniteNumbersOnly) {
  EXPECT_EQ(parse_rating("5"), 5.0F);
  EXPECT_EQ(parse_rating("4.0"), 4.0F);
  EXPECT_EQ(parse_rating("3.5"), 3.5F);
  EXPECT_EQ(parse_rating("-1e1"), -10.0F);
  for (const char* text : {"", " 5", "5 ", "nan", "inf", "5,0", "4.0x", "x", "."}) {
    EXPECT_FALSE(parse_rating(text)) << text;
  }
}

TEST(ParseTime, WholeAndFractionalNumbersInBothUnits) {
  EXPECT_EQ(parse_time_us("978300760", TimeUnit::Seconds), 978300760000000);
  EXPECT_EQ(parse_time_us("1588687728923", TimeUnit::Milliseconds), 1588687728923000);
  EXPECT_EQ(parse_time_us("8.91717742e8", TimeUnit::Seconds), 891717742000000);
  EXPECT_EQ(parse_time_us("1.5", TimeUnit::Milliseconds), 1500);
  EXPECT_EQ(parse_time_us("999999999999", TimeUnit::Seconds), 999999999999000000);
  EXPECT_EQ(parse_time_us("0", TimeUnit::Seconds), 0);
  EXPECT_EQ(parse_time_us("-3", TimeUnit::Seconds), -3000000);
}

TEST(ParseTime, RefusesTextAndTimesBeyond64Bits) {
  for (const char* text : {"", "noon", "2001-01-01", "9223372036854775807", "99999999999999999",
                           "1e300", "nan", "1 ", "1:2", "12/3"}) {
    EXPECT_FALSE(parse_time_us(text, TimeUnit::Seconds)) << text;
  }
}

}  // namespace
}  // namespace seqsweep
