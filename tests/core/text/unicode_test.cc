#include "core/text/unicode.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(Unicode, Classes) {
  for (const char32_t c : {U' ', U'\t', U'\n', U'\u0085', U'\u00a0', U'\u2028', U'\u3000'})
    EXPECT_TRUE(is_space(c));
  for (const char32_t c : {U'a', U'0', U'\u180e', U'\u200b', U'\x1f'}) EXPECT_FALSE(is_space(c));
  for (const char32_t c : {U'a', U'Z', U'\u00e9', U'\u0301', U'\u6771', U'\u0915'})
    EXPECT_TRUE(is_letter(c));
  for (const char32_t c : {U'@', U'[', U'`', U'{', U'1', U'\u00d7', U'\u2581'})
    EXPECT_FALSE(is_letter(c));
  for (const char32_t c : {U'0', U'9', U'\u00bd', U'\u0663', U'\u2167'}) EXPECT_TRUE(is_number(c));
  for (const char32_t c : {U'/', U':', U'a'}) EXPECT_FALSE(is_number(c));
}

TEST(Unicode, SmallLetters) {
  EXPECT_EQ(small_letter(U'A'), U'a');
  EXPECT_EQ(small_letter(U'Z'), U'z');
  EXPECT_EQ(small_letter(U'['), U'[');
  EXPECT_EQ(small_letter(U'\u00c9'), U'\u00e9');
  EXPECT_EQ(small_letter(U'\u0416'), U'\u0436');
  EXPECT_EQ(small_letter(U'\u6771'), U'\u6771');
}

TEST(Unicode, ComposedForm) {
  EXPECT_EQ(composed("cafe\u0301"), "caf\u00e9");
  EXPECT_EQ(composed("\u1112\u1161\u11ab"), "\ud55c");   // Hangul.
  EXPECT_EQ(composed("\u212b"), "\u00c5");               // A singleton.
  EXPECT_EQ(composed("d\u0307\u0323"), "\u1e0d\u0307");  // Marks are put in order.
  EXPECT_EQ(composed(std::string("a\0b\u0301", 5)), std::string("a\0b\u0301", 5));
  EXPECT_EQ(composed(""), "");
}

}  // namespace
}  // namespace seqsweep
