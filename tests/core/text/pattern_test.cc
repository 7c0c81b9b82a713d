#include "core/text/pattern.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/text/byte_level_bpe.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string_view> pieces_of(const std::string& expression, std::string_view text) {
  std::vector<std::string_view> pieces;
  Pattern(expression, "test").split(text, pieces);
  return pieces;
}

TEST(Pattern, CutsIntoMatchesAndWhatLiesBetween) {
  EXPECT_THAT(pieces_of("[0-9]+", "ab12cd3"), ElementsAre("ab", "12", "cd", "3"));
  EXPECT_THAT(pieces_of("x", "abc"), ElementsAre("abc"));
  EXPECT_THAT(pieces_of("x*", "axxb"), ElementsAre("a", "xx", "b"));
  EXPECT_TRUE(pieces_of("x", "").empty());
}

TEST(Pattern, CutsWordsAsGptTwoDoes) {
  EXPECT_THAT(pieces_of(kByteLevelExpression, "It's  1995, ok?\n "),
              ElementsAre("It", "'s", " ", " 1995", ",", " ok", "?", "\n "));
}

TEST(Pattern, ClassesAreThoseOfUnicodeSixteen) {
  // A letter since 15.0 and since 16.0, a number since 15.0: with an older PCRE2 they would be
  // "other".
  for (const char* letter : {"\U00011f04", "\U000105d0", "\U0002ebf0"}) {
    EXPECT_THAT(pieces_of(R"(\p{L}+)", std::string("-a") + letter + "-"),
                ElementsAre("-", std::string("a") + letter, "-"));
    EXPECT_THAT(pieces_of(R"([^\s\p{L}]+)", std::string("-") + letter), ElementsAre("-", letter));
  }
  EXPECT_THAT(pieces_of(R"(\p{N}+)", "-1\U00011f50-"), ElementsAre("-", "1\U00011f50", "-"));
  // PCRE2 takes U+180E for white space.
  EXPECT_THAT(pieces_of(R"(\s+)", "a\u180e \u3000b"), ElementsAre("a\u180e", " \u3000", "b"));
  EXPECT_THAT(pieces_of(R"(\S+)", " \u180e "), ElementsAre(" ", "\u180e", " "));
}

TEST(Pattern, LongTextsDoNotExhaustTheStack) {
  const std::string text(1'000'000, 'a');
  EXPECT_EQ(pieces_of(R"((?:a|b)+)", text).size(), 1u);
  EXPECT_EQ(pieces_of(kByteLevelExpression, std::string(1'000'000, ' ')).size(), 1u);
}

TEST(Pattern, NamesWhatIsWrong) {
  const auto complaint = [](const std::string& expression, const std::string& text) {
    try {
      pieces_of(expression, text);
      return std::string();
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      return std::string(error.what());
    }
  };
  EXPECT_THAT(complaint("(a", ""), HasSubstr("test: the expression '(a' is not understood"));
  EXPECT_THAT(complaint("(a+)+$", std::string(60, 'a') + "!"),
              HasSubstr("test: its expression failed"));
}

}  // namespace
}  // namespace seqsweep
