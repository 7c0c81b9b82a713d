#include "tools/report/slug.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(Slug, HostileNamesBecomePlainAndStayApart) {
  std::set<std::string> taken;
  EXPECT_EQ(make_slug("ml-1m", taken), "ml-1m");
  EXPECT_EQ(make_slug("../a b\n'", taken), ".._a_b__");
  EXPECT_EQ(make_slug("../a|b\n\"", taken), ".._a_b__-2");
  EXPECT_EQ(make_slug("ml-1m", taken), "ml-1m-2");
  EXPECT_EQ(make_slug(std::string(5000, 'x'), taken).size(), 100U);
}

}  // namespace
}  // namespace seqsweep
