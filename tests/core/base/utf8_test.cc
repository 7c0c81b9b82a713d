#include "core/base/utf8.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

// What Python's decode("utf-8", "replace") gives.
TEST(Utf8, EachMaximalSubpartBecomesOneReplacement) {
  EXPECT_EQ(valid_utf8("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\u00e9 \U0001f600");
  EXPECT_EQ(valid_utf8("\xff\xfe"), "\ufffd\ufffd");
  EXPECT_EQ(valid_utf8("a\xe2\x82z"), "a\ufffdz");              // A cut character is one.
  EXPECT_EQ(valid_utf8("\xf0\x9f\x98"), "\ufffd");              // At the end too.
  EXPECT_EQ(valid_utf8("\xc3\xe2\x82\xac"), "\ufffd\u20ac");    // What follows it is read.
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\ufffd\ufffd");            // Overlong: no character begins so.
  EXPECT_EQ(valid_utf8("\xe0\x80\x80"), "\ufffd\ufffd\ufffd");  // Overlong.
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");  // A surrogate.
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");  // Beyond U+10FFFF.
  EXPECT_EQ(valid_utf8(""), "");
}

TEST(Utf8, EveryCodePointComesBack) {
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    text.clear();
    append_utf8(text, c);
    ASSERT_EQ(valid_utf8(text), text) << static_cast<uint32_t>(c);
    ASSERT_EQ(utf8_prefix(text).bytes, text.size());
    size_t at = 0;
    ASSERT_EQ(next_code_point(text, at), c);
    ASSERT_EQ(at, text.size());
  }
}

}  // namespace
}  // namespace seqsweep
