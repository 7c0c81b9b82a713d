#include "core/data/malformed_rows.h"

#include <gmock/gmock.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MalformedRows, TheShareIsTheLargestBearablePart) {
  MalformedRows rows("raw.csv");
  rows.add(3, "no user", ",i");
  EXPECT_EQ(rows.count(), 1);
  EXPECT_THROW(rows.judge(100, 0.009), Error);
  EXPECT_NO_THROW(rows.judge(100, 0.01));
  EXPECT_THROW(MalformedRows("raw.csv").judge(0, 1), Error) << "no rows at all";
  EXPECT_NO_THROW(MalformedRows("raw.csv").judge(1, 0));
}

TEST(MalformedRows, OnlyTheFirstAreShownAndLongOnesAreCut) {
  MalformedRows rows("raw.csv");
  for (int line = 1; line <= 1000; ++line) rows.add(line, "odd", std::string(5000, 'x'));
  try {
    rows.judge(2000, 0.1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), HasSubstr("1,000 of 2,000 rows"));
    EXPECT_THAT(error.what(), HasSubstr("raw.csv:5: odd: 'xxx"));
    EXPECT_THAT(error.what(), Not(HasSubstr("raw.csv:6:")));
    EXPECT_LT(std::string(error.what()).size(), 1000U);
  }
}

}  // namespace
}  // namespace seqsweep
