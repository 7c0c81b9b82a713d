#include "core/text/byte_level_bpe.h"

#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/text/pattern.h"
#include "core/text/unicode.h"

namespace seqsweep {
namespace {

// Code points that stand for bytes: printable Latin-1 for itself, the others from U+0100 on.
const std::array<char32_t, 256>& byte_level_code_points() {
  static const std::array<char32_t, 256> code_points = [] {
    std::array<char32_t, 256> made{};
    char32_t next = 256;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
      made[byte] = printable ? byte : next++;
    }
    return made;
  }();
  return code_points;
}

// The bytes of a vocabulary entry; nothing for one with other characters, as added tokens may have.
std::optional<std::string> bytes_of(const std::string& entry) {
  static const std::unordered_map<char32_t, char> bytes = [] {
    std::unordered_map<char32_t, char> made;
    for (size_t byte = 0; byte < 256; ++byte) {
      made[byte_level_code_points()[byte]] = static_cast<char>(byte);
    }
    return made;
  }();
  std::string text;
  for (size_t at = 0; at < entry.size();) {
    const auto found = bytes.find(next_code_point(entry, at));
    if (found == bytes.end()) return std::nullopt;
    text += found->second;
  }
  return text;
}

struct Stages {
  bool compose = false;           // NFC.
  std::vector<Pattern> patterns;  // Each cuts the pieces of the one before it.
  bool space_first = false;       // Pieces that do not begin with a space get one...
  std::optional<Pattern> words;   // ...and are cut by this one.
};

Stages read_stages(const BpeDefinition& definition) {
  Stages stages;
  for (const JsonPlace& stage : definition.normalizers) {
    if (stage.type() != "NFC") stage.fail("'{}' is not supported, NFC is", printable(stage.type()));
    stages.compose = true;
  }
  bool ended = false;
  for (const JsonPlace& stage : definition.pre_tokenizers) {
    if (ended) stage.fail("nothing may follow ByteLevel");
    if (stage.type() == "ByteLevel") {
      ended = true;
      stages.space_first = stage["add_prefix_space"].flag(true);
      if (stage["use_regex"].flag(true))
        stages.words.emplace(kByteLevelExpression, definition.file);
    } else if (stage.type() == "Split" && stage["pattern"]["Regex"].is_text()) {
      // With "Removed" what lies between the matches would be lost; it is empty in the expressions
      // that are written so, as they match everything.
      const std::string behavior = stage["behavior"].text();
      const bool inverted = stage["invert"].flag(false);
      if (behavior != "Isolated" && !(behavior == "Removed" && inverted)) {
        stage.fail("the behavior '{}' is not supported, 'Isolated' is", printable(behavior));
      }
      stages.patterns.emplace_back(stage["pattern"]["Regex"].text(), definition.file);
    } else {
      stage.fail("'{}' is not supported; Split by an expression and ByteLevel are",
                 printable(stage.type()));
    }
  }
  for (const JsonPlace& stage : definition.decoders) {
    if (stage.type() != "ByteLevel") {
      stage.fail("'{}' is not supported, ByteLevel is", printable(stage.type()));
    }
  }
  return stages;
}

std::vector<AddedToken> only(const std::vector<AddedToken>& added, bool normalized, bool compose) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : added) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    if (normalized && compose) chosen.back().text = composed(token.text);
  }
  return chosen;
}

class ByteLevelBpe : public VocabularyTokenizer {
 public:
  ByteLevelBpe(BpeDefinition definition, std::vector<bool> special, TokenizerOrigin origin)
      : VocabularyTokenizer(std::move(definition.vocabulary), std::move(special),
                            std::move(origin)),
        stages_(read_stages(definition)),
        added_(only(definition.added, false, stages_.compose)),
        added_normalized_(only(definition.added, true, stages_.compose)),
        merges_(definition.merges) {
    for (int32_t token = 0; token < size(); ++token) {
      const std::string& entry = vocabulary().text(token);
      bytes_.push_back(bytes_of(entry).value_or(entry));
    }
    for (int byte = 0; byte < 256; ++byte) {
      byte_tokens_[byte] =
          find(byte_level_character(static_cast<unsigned char>(byte))).value_or(-1);
    }
    find_whole_words(definition.ignore_merges);
  }

  std::vector<int32_t> encode(std::string_view text) const override {
    const std::string valid = valid_utf8(text);
    std::vector<int32_t> tokens;
    tokens.reserve(valid.size() / 3 + 1);
    std::vector<int32_t> symbols;
    for (const Segment& segment : added_.split(valid)) {
      if (segment.token) {
        tokens.push_back(*segment.token);
      } else if (stages_.compose) {
        encode_normalized(composed(segment.text), symbols, tokens);
      } else {
        encode_normalized(segment.text, symbols, tokens);
      }
    }
    return tokens;
  }

 protected:
  std::string decode_shown(std::span<const int32_t> tokens) const override {
    std::string text;
    for (const int32_t token : tokens) text += bytes_[static_cast<size_t>(token)];
    return valid_utf8(text);
  }

 private:
  // The words whose merges end in one token need not be merged again: most of a text. Of an entry
  // that its own merges do not reach, and of an added token, encoding gives others.
  void find_whole_words(bool ignore_merges) {
    std::vector<int32_t> symbols;
    for (int32_t token = 0; token < size(); ++token) {
      const std::optional<std::string> bytes = bytes_of(vocabulary().text(token));
      if (!bytes || bytes->empty()) continue;
      merge(*bytes, symbols);
      if (ignore_merges || symbols == std::vector{token}) {
        words_.try_emplace(bytes_[static_cast<size_t>(token)], token);
      }
    }
  }

  void merge(std::string_view word, std::vector<int32_t>& symbols) const {
    symbols.clear();
    for (const char c : word) {
      // A byte that the vocabulary lacks is dropped, as by Hugging Face.
      const int32_t token = byte_tokens_[static_cast<unsigned char>(c)];
      if (token >= 0) symbols.push_back(token);
    }
    merge_all(symbols, merges_);
  }

  void encode_normalized(std::string_view text, std::vector<int32_t>& symbols,
                         std::vector<int32_t>& tokens) const {
    for (const Segment& segment : added_normalized_.split(text)) {
      if (segment.token) {
        tokens.push_back(*segment.token);
      } else {
        encode_segment(segment.text, symbols, tokens);
      }
    }
  }

  void encode_segment(std::string_view text, std::vector<int32_t>& symbols,
                      std::vector<int32_t>& tokens) const {
    std::vector<std::string_view> pieces = {text}, cut;
    for (const Pattern& pattern : stages_.patterns) {
      cut.clear();
      for (const std::string_view piece : pieces) pattern.split(piece, cut);
      pieces.swap(cut);
    }
    std::string spaced;
    for (std::string_view piece : pieces) {
      if (stages_.space_first && !piece.starts_with(' ')) {
        spaced.assign(" ").append(piece);
        piece = spaced;
      }
      cut.clear();
      stages_.words ? stages_.words->split(piece, cut) : cut.push_back(piece);
      for (const std::string_view word : cut) encode_word(word, symbols, tokens);
    }
  }

  void encode_word(std::string_view word, std::vector<int32_t>& symbols,
                   std::vector<int32_t>& tokens) const {
    if (const auto whole = words_.find(word); whole != words_.end()) {
      tokens.push_back(whole->second);
      return;
    }
    merge(word, symbols);
    tokens.insert(tokens.end(), symbols.begin(), symbols.end());
  }

  Stages stages_;
  AddedTokens added_, added_normalized_;
  MergeTable merges_;
  std::array<int32_t, 256> byte_tokens_{};               // -1: none.
  std::vector<std::string> bytes_;                       // By token.
  std::unordered_map<std::string_view, int32_t> words_;  // Looks into bytes_.
};

}  // namespace

const char* const kByteLevelExpression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::string byte_level_character(unsigned char byte) {
  std::string text;
  append_utf8(text, byte_level_code_points()[byte]);
  return text;
}

std::unique_ptr<Tokenizer> make_byte_level_bpe(BpeDefinition definition, TokenizerOrigin origin) {
  std::vector<bool> special = special_tokens(definition);
  return std::make_unique<ByteLevelBpe>(std::move(definition), std::move(special),
                                        std::move(origin));
}

}  // namespace seqsweep
