#include "core/text/character_bpe.h"

#include <gmock/gmock.h>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kUnknown = 0, kByteA9 = 2, kByteC3 = 1;

// a, b, the mark; "ab", mark + "a" and, if `across`, "b" + mark.
CharacterBpeRules rules(bool across = false) {
  CharacterBpeRules rules{
      .entries = {"<unk>", "<0xC3>", "<0xA9>", "a", "b", "\u2581", "ab", "\u2581a", "b\u2581"},
      .merges = {{.left = 3, .right = 4, .rank = 1, .merged = 6},
                 {.left = 5, .right = 3, .rank = 0, .merged = 7}},
      .byte_tokens = {},
      .unknown = kUnknown};
  rules.byte_tokens.fill(-1);
  rules.byte_tokens[0xc3] = kByteC3;
  rules.byte_tokens[0xa9] = kByteA9;
  rules.tokens = std::ssize(rules.entries);
  if (across) rules.merges.push_back({.left = 4, .right = 5, .rank = -1, .merged = 8});
  return rules;
}

std::vector<int32_t> tokens_of(const CharacterBpeRules& rules, const std::string& text) {
  std::vector<int32_t> tokens;
  CharacterBpe(rules).encode(text, tokens);
  return tokens;
}

TEST(CharacterBpe, MergesAcrossWordsOnlyIfAMergeDoes) {
  EXPECT_THAT(tokens_of(rules(), "ab\u2581ab\u2581\u2581a"), ElementsAre(6, 7, 4, 5, 7));
  EXPECT_THAT(tokens_of(rules(true), "ab\u2581ab"), ElementsAre(3, 8, 6));
}

TEST(CharacterBpe, BytesThenUnknownThenNothing) {
  EXPECT_THAT(tokens_of(rules(), "a\u00e9zz"),
              ElementsAre(3, kByteC3, kByteA9, kUnknown, kUnknown));
  CharacterBpeRules fused = rules();
  fused.fuse_unknown = true;
  EXPECT_THAT(tokens_of(fused, "zzazz"), ElementsAre(kUnknown, 3, kUnknown));
  fused.unknown.reset();
  EXPECT_THAT(tokens_of(fused, "zzaz"), ElementsAre(3));
}

TEST(CharacterBpe, BytesHaveTokens) {
  EXPECT_EQ(byte_of("<0x0A>"), 10);
  EXPECT_EQ(byte_of("<0xFF>"), 255);
  for (const char* other : {"<0xff>", "<0xA>", "0x0A", "<0x0A", "<0x0G>", ""})
    EXPECT_EQ(byte_of(other), std::nullopt);
  const auto tokens = byte_tokens_of(Vocabulary({"a", "<0x0A>"}));
  EXPECT_EQ(tokens['\n'], 1);
  EXPECT_EQ(tokens['a'], -1);
}

TEST(CharacterBpe, SpacesAreMarks) {
  EXPECT_EQ(with_space_marks(" a b"), "\u2581a\u2581b");
  EXPECT_EQ(without_space_marks("\u2581a\u2581b"), " a b");
}

// Cutting into words must not show: the same merges with one that is never used and forbids it.
TEST(CharacterBpe, CuttingIntoWordsChangesNothing) {
  CharacterBpeRules whole = rules(true);
  whole.entries.push_back("c");
  ++whole.tokens;
  whole.merges.back().left = 9;  // "c" + mark: no text here has a c.
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (uint64_t n = rng.below(120); n > 0; --n)
      text += std::vector<std::string>{"a", "b", "\u2581", "\u00e9"}[rng.below(4)];
    ASSERT_EQ(tokens_of(rules(), text), tokens_of(whole, text)) << text;
  }
}

}  // namespace
}  // namespace seqsweep
