#include "core/text/character_bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"
#include "core/base/utf8.h"

namespace seqsweep {
namespace {

// Where the first word of a text ends: before the first mark that follows another character.
size_t word_end(std::string_view text) {
  size_t at = 0;
  while (text.substr(at).starts_with(kSpaceMark)) at += kSpaceMark.size();
  const size_t mark = text.find(kSpaceMark, at);
  return mark == std::string_view::npos ? text.size() : mark;
}

}  // namespace

std::string with_space_marks(std::string_view text) {
  return replace_all(text, " ", kSpaceMark);
}
std::string without_space_marks(std::string_view text) {
  return replace_all(text, kSpaceMark, " ");
}

std::array<int32_t, 256> byte_tokens_of(const Vocabulary& vocabulary) {
  std::array<int32_t, 256> tokens{};
  for (int byte = 0; byte < 256; ++byte) {
    tokens[byte] = vocabulary.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
  return tokens;
}

std::optional<unsigned char> byte_of(std::string_view entry) {
  if (entry.size() != 6 || !entry.starts_with("<0x") || entry[5] != '>') return std::nullopt;
  int byte = 0;
  for (const char c : entry.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    byte = 16 * byte + digit;
  }
  return static_cast<unsigned char>(byte);
}

CharacterBpe::CharacterBpe(CharacterBpeRules rules)
    : rules_(std::move(rules)), merges_(rules_.merges), whole_(rules_.entries.size()) {
  symbols_.reserve(rules_.entries.size());
  for (size_t i = 0; i < rules_.entries.size(); ++i) {
    if (!rules_.entries[i].empty()) {
      symbols_.try_emplace(rules_.entries[i], static_cast<int32_t>(i));
    }
  }
  std::vector<int32_t> symbols;
  for (const auto& [text, symbol] : symbols_) {
    encode_whole(text, symbols);
    whole_[static_cast<size_t>(symbol)] = rules_.ignore_merges || symbols == std::vector{symbol};
  }
  cut_words_ = !rules_.ignore_merges && merges_within_words();
}

// Whether no merge joins the end of one word with the mark that begins the next.
bool CharacterBpe::merges_within_words() const {
  return symbols_.contains(kSpaceMark) &&
         std::none_of(rules_.merges.begin(), rules_.merges.end(), [&](const Merge& merge) {
           return rules_.entries[merge.right].starts_with(kSpaceMark) &&
                  !rules_.entries[merge.left].ends_with(kSpaceMark);
         });
}

void CharacterBpe::encode(std::string_view text, std::vector<int32_t>& tokens) const {
  std::vector<int32_t> symbols;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, cut_words_ ? word_end(text) : text.size());
    text.remove_prefix(word.size());
    const auto known = symbols_.find(word);
    if (known != symbols_.end() && whole_[known->second]) {
      tokens.push_back(known->second);
      continue;
    }
    encode_whole(word, symbols);
    tokens.insert(tokens.end(), symbols.begin(), symbols.end());
  }
}

void CharacterBpe::encode_whole(std::string_view text, std::vector<int32_t>& symbols) const {
  symbols.clear();
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_code_point(text, at);
    const std::string_view character = text.substr(begin, at - begin);
    const auto known = symbols_.find(character);
    if (known != symbols_.end()) {
      symbols.push_back(known->second);
    } else {
      append_unlisted(character, symbols);
    }
  }
  merge_all(symbols, merges_);
  if (rules_.tokens == std::ssize(rules_.entries)) return;
  std::vector<int32_t> tokens;
  for (const int32_t symbol : symbols) {
    if (symbol < rules_.tokens) {
      tokens.push_back(symbol);
    } else {
      append_unlisted(rules_.entries[symbol], tokens);
    }
  }
  symbols = std::move(tokens);
}

// As bytes, as unknown or not at all.
void CharacterBpe::append_unlisted(std::string_view character, std::vector<int32_t>& tokens) const {
  const bool as_bytes = std::all_of(character.begin(), character.end(), [&](char c) {
    return rules_.byte_tokens[static_cast<unsigned char>(c)] >= 0;
  });
  if (as_bytes) {
    for (const char c : character) {
      tokens.push_back(rules_.byte_tokens[static_cast<unsigned char>(c)]);
    }
  } else if (rules_.unknown) {
    const bool fused = rules_.fuse_unknown && !tokens.empty() && tokens.back() == *rules_.unknown;
    if (!fused) tokens.push_back(*rules_.unknown);
  }
}

}  // namespace seqsweep
