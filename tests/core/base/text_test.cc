#include "core/base/text.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(Text, NearestFindsTyposAndRefusesStrangers) {
  const std::vector<std::string> names = {"sasrec", "mamba4rec", "popularity"};
  EXPECT_EQ(nearest("sasrc", names), "sasrec");
  EXPECT_EQ(nearest("mambarec", names), "mamba4rec");
  EXPECT_EQ(nearest("transformer", names), "");
  EXPECT_EQ(did_you_mean("sasrc", names), "; did you mean 'sasrec'?");
  EXPECT_EQ(did_you_mean("Heat1", {"Heat\x1b"}), "; did you mean 'Heat\\x1b'?");
}

TEST(Text, PrintableDisarmsControlCharactersAndBadUtf8) {
  EXPECT_EQ(printable("Am\xc3\xa9lie \xe2\x82\xac"), "Am\xc3\xa9lie \xe2\x82\xac");
  EXPECT_EQ(printable("a\x1b[31mb\nc\td"), "a\\x1b[31mb\\nc\\td");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // C1 control sequence introducer.
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");           // Invalid and truncated.
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // A surrogate.
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // Overlong.
}

TEST(Text, HumanUnits) {
  EXPECT_EQ(human_duration(0.25), "250 ms");
  EXPECT_EQ(human_duration(12), "12 s");
  EXPECT_EQ(human_duration(200), "3 min 20 s");
  EXPECT_EQ(human_duration(7500), "2 h 05 min");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'500'000'000), "1.5 GB");
  EXPECT_EQ(human_count(1349), "1,349");
  EXPECT_EQ(human_count(-1234567), "-1,234,567");
  EXPECT_EQ(human_count(12), "12");
}

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(trim("  a b\r\n"), "a b");
  EXPECT_EQ(replace_all("a--b-", "-", "+="), "a+=+=b+=");
  EXPECT_EQ(replace_all("aaa", "aa", "b"), "ba");
  EXPECT_EQ(trim(" \t"), "");
}

}  // namespace
}  // namespace seqsweep
