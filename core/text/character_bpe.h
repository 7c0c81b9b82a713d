// Byte-pair encoding over characters, with bytes for characters that the vocabulary lacks: what
// Llama's tokenizer.json and a tokenizer.model have in common. Words are not cut beforehand; a
// space is written as U+2581.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/bpe.h"
#include "core/text/vocabulary.h"

namespace seqsweep {

inline constexpr std::string_view kSpaceMark = "\xe2\x96\x81";  // U+2581.

std::string with_space_marks(std::string_view text);     // Every space becomes a mark.
std::string without_space_marks(std::string_view text);  // And back.

// The token of a byte, "<0x0A>" of '\n'; -1: none.
std::array<int32_t, 256> byte_tokens_of(const Vocabulary& vocabulary);
// The byte of such an entry.
std::optional<unsigned char> byte_of(std::string_view entry);

struct CharacterBpeRules {
  std::vector<std::string> entries;      // By symbol, what text can become; "": nothing.
  int64_t tokens = 0;                    // Symbols from here on are none, but merges need them.
  std::vector<Merge> merges;             // Of these symbols.
  std::array<int32_t, 256> byte_tokens;  // All -1: no byte fall-back.
  std::optional<int32_t> unknown;  // For characters that nothing stands for; else they are dropped.
  bool fuse_unknown = false;       // Several in a row are one.
  bool ignore_merges = false;      // A text that is an entry is its token, whatever the merges.
};

class CharacterBpe {
 public:
  explicit CharacterBpe(CharacterBpeRules rules);

  // Appends the tokens of a well-formed text.
  void encode(std::string_view text, std::vector<int32_t>& tokens) const;

 private:
  void encode_whole(std::string_view text, std::vector<int32_t>& symbols) const;
  void append_unlisted(std::string_view character, std::vector<int32_t>& tokens) const;
  bool merges_within_words() const;

  CharacterBpeRules rules_;
  MergeTable merges_;
  std::unordered_map<std::string_view, int32_t> symbols_;  // Looks into rules_.entries.
  std::vector<bool> whole_;  // By symbol: encoding its text gives just it.
  bool cut_words_ = false;   // Words are encoded one by one: quicker, and the same.
};

}  // namespace seqsweep
