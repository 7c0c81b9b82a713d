#include "tools/report/csv.h"

#include <gtest/gtest.h>

#include <cmath>

namespace seqsweep {
namespace {

TEST(Csv, QuotesWhatHoldsSeparators) {
  EXPECT_EQ(csv_text("plain"), "plain");
  EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_text("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_text(""), "");
}

TEST(Csv, FormulasBecomeText) {
  EXPECT_EQ(csv_text("=1+1"), "'=1+1");
  EXPECT_EQ(csv_text("+1"), "'+1");
  EXPECT_EQ(csv_text("-1"), "'-1");
  EXPECT_EQ(csv_text("@SUM(A1,B1)"), "\"'@SUM(A1,B1)\"");
  EXPECT_EQ(csv_text("a=1"), "a=1");
}

TEST(Csv, ControlCharactersNeverBreakALine) {
  EXPECT_EQ(csv_text("a\nb\r\tc\x1b"), "a\\nb\\x0d\\tc\\x1b");
  EXPECT_EQ(csv_text("\t=1"), "\\t=1");
}

TEST(Csv, NumbersKeepEveryDigit) {
  EXPECT_EQ(csv_number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(csv_number(-0.5), "-0.5");
  EXPECT_EQ(csv_number(std::nan("")), "");
  EXPECT_EQ(csv_line({"a", "", "1"}), "a,,1\n");
}

}  // namespace
}  // namespace seqsweep
