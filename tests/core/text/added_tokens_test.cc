#include "core/text/added_tokens.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

// "text" or "3:text" for token 3.
std::vector<std::string> segments_of(const AddedTokens& added, std::string_view text) {
  std::vector<std::string> segments;
  for (const Segment& segment : added.split(text)) {
    const std::string shown(segment.text);
    segments.push_back(segment.token ? std::to_string(*segment.token) + ":" + shown : shown);
  }
  return segments;
}

TEST(AddedTokens, TheLongestAtAPlaceFromLeftToRight) {
  const AddedTokens added(
      {{.token = 1, .text = "ab"}, {.token = 2, .text = "abcd"}, {.token = 3, .text = "bc"}});
  EXPECT_THAT(segments_of(added, "xabcy"), ElementsAre("x", "1:ab", "cy"));
  EXPECT_THAT(segments_of(added, "abcdab"), ElementsAre("2:abcd", "1:ab"));
  EXPECT_THAT(segments_of(added, "bcb"), ElementsAre("3:bc", "b"));
  EXPECT_TRUE(segments_of(added, "").empty());
  EXPECT_THAT(segments_of(AddedTokens({}), "ab"), ElementsAre("ab"));
}

TEST(AddedTokens, TakesWhiteSpaceWithIt) {
  const AddedTokens added({{.token = 1, .text = "<l>", .left_strip = true},
                           {.token = 2, .text = "<r>", .right_strip = true}});
  EXPECT_THAT(segments_of(added, "a \u3000<l> b"), ElementsAre("a", "1: \u3000<l>", " b"));
  EXPECT_THAT(segments_of(added, "a <r> \n<l>"), ElementsAre("a ", "2:<r> \n", "1:<l>"));
  EXPECT_THAT(segments_of(added, " <l>"), ElementsAre("1: <l>"));
}

TEST(AddedTokens, NotWithinAWord) {
  const AddedTokens added({{.token = 1, .text = "cat", .single_word = true}});
  EXPECT_THAT(segments_of(added, "cat cat, catalogue tomcat \u00e9cat cat_"),
              ElementsAre("1:cat", " ", "1:cat", ", catalogue tomcat \u00e9cat cat_"));
}

}  // namespace
}  // namespace seqsweep
