#include "core/text/sentencepiece_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/text/added_tokens.h"
#include "core/text/character_bpe.h"
#include "core/text/protobuf.h"

namespace seqsweep {
namespace {

// Numbers and defaults are those of sentencepiece_model.proto.
enum class PieceType : uint64_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  User = 4,
  Unused = 5,
  Byte = 6
};
constexpr uint64_t kBpe = 2;

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::Normal;
};

struct Model {
  std::string file;  // For errors.
  std::vector<Piece> pieces;
  uint64_t type = 1;
  bool byte_fallback = false, suffix_spaces = false;
  std::string begin = "<s>", end = "</s>", unknown_shown = " \xe2\x81\x87 ";
  bool dummy_prefix = true, trim_spaces = true, escape_spaces = true;
  bool has_character_table = false;
};

Piece read_piece(std::string_view message, const std::string& file) {
  Piece piece;
  ProtobufReader reader(message, file);
  while (const auto field = reader.next()) {
    if (field->number == 1) piece.text = field->bytes;
    if (field->number == 2) piece.score = field->as_float();
    if (field->number == 3) piece.type = static_cast<PieceType>(field->value);
  }
  return piece;
}

void read_trainer(std::string_view message, Model& model) {
  ProtobufReader reader(message, model.file);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 3:
        model.type = field->value;
        break;
      case 24:
        model.suffix_spaces = field->value != 0;
        break;
      case 35:
        model.byte_fallback = field->value != 0;
        break;
      case 44:
        model.unknown_shown = field->bytes;
        break;
      case 46:
        model.begin = field->bytes;
        break;
      case 47:
        model.end = field->bytes;
        break;
      default:
        break;  // How it was trained.
    }
  }
}

void read_normalizer(std::string_view message, Model& model) {
  ProtobufReader reader(message, model.file);
  while (const auto field = reader.next()) {
    if (field->number == 2) model.has_character_table = !field->bytes.empty();
    if (field->number == 3) model.dummy_prefix = field->value != 0;
    if (field->number == 4) model.trim_spaces = field->value != 0;
    if (field->number == 5) model.escape_spaces = field->value != 0;
  }
}

void require_supported(const Model& model) {
  const std::string& file = model.file;
  if (model.pieces.empty()) throw_input("{}: a sentencepiece model without pieces", file);
  if (model.type != kBpe)
    throw_input("{}: model type {} is not supported, only BPE (2) is", file, model.type);
  if (model.has_character_table || !model.escape_spaces || model.suffix_spaces) {
    throw_input("{}: only the normalisation 'identity' with spaces as prefixes is supported", file);
  }
  std::map<std::string_view, size_t> seen;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Piece& piece = model.pieces[i];
    const std::string shown = printable(piece.text);
    if (piece.text.empty()) throw_input("{}: piece {} is empty", file, i);
    if (valid_utf8(piece.text) != piece.text) throw_input("{}: piece {} is not UTF-8", file, i);
    if (!std::isfinite(piece.score)) throw_input("{}: piece '{}' has no finite score", file, shown);
    if (piece.type < PieceType::Normal || piece.type > PieceType::Byte ||
        piece.type == PieceType::Unused) {
      throw_input("{}: piece '{}' has the type {}, which is not supported", file, shown,
                  static_cast<uint64_t>(piece.type));
    }
    if (piece.type == PieceType::Byte && !byte_of(piece.text)) {
      throw_input("{}: piece '{}' is no byte", file, shown);
    }
    if (const auto [other, fresh] = seen.try_emplace(piece.text, i); !fresh) {
      throw_input("{}: piece '{}' comes twice, at {} and {}", file, shown, other->second, i);
    }
  }
}

Model read_model(const std::string& bytes, const std::string& file) {
  Model model{.file = file};
  ProtobufReader reader(bytes, file);
  while (const auto field = reader.next()) {
    if (field->number == 1) model.pieces.push_back(read_piece(field->bytes, file));
    if (field->number == 2) read_trainer(field->bytes, model);
    if (field->number == 3) read_normalizer(field->bytes, model);
  }
  require_supported(model);
  return model;
}

// Any two neighbours whose texts together are a piece may merge, those of the highest score first.
// Symbols are the pieces, and behind them the characters of pieces that are none themselves.
CharacterBpeRules rules_of(const Model& model, std::optional<int32_t> unknown) {
  CharacterBpeRules rules{
      .tokens = std::ssize(model.pieces), .unknown = unknown, .fuse_unknown = true};
  std::map<float, int32_t, std::greater<>> ranks;  // By score: pieces of one score have one rank.
  for (const Piece& piece : model.pieces) {
    const bool merges = piece.type == PieceType::Normal;
    rules.entries.push_back(merges ? piece.text : "");
    if (merges) ranks[piece.score];
  }
  int32_t next_rank = 0;
  for (auto& [score, rank] : ranks) rank = next_rank++;

  std::map<std::string_view, int32_t> symbols;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    if (!rules.entries[i].empty()) symbols[model.pieces[i].text] = static_cast<int32_t>(i);
  }
  for (const auto& [text, symbol] : std::map(symbols)) {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      next_code_point(text, at);
      const std::string_view character = text.substr(begin, at - begin);
      if (symbols.try_emplace(character, rules.entries.size()).second)
        rules.entries.emplace_back(character);
    }
  }
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const std::string_view text = model.pieces[i].text;
    if (rules.entries[i].empty()) continue;
    for (size_t at = 0; next_code_point(text, at), at < text.size();) {
      const auto left = symbols.find(text.substr(0, at)), right = symbols.find(text.substr(at));
      if (left == symbols.end() || right == symbols.end()) continue;
      rules.merges.push_back({.left = left->second,
                              .right = right->second,
                              .rank = ranks.at(model.pieces[i].score),
                              .merged = static_cast<int32_t>(i)});
    }
  }
  return rules;
}

std::string spaces_trimmed(std::string_view text) {
  std::string trimmed;
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!trimmed.empty()) trimmed += ' ';
    trimmed += word;
  }
  return trimmed;
}

class SentencePiece : public VocabularyTokenizer {
 public:
  SentencePiece(const Model& model, Vocabulary vocabulary, std::vector<bool> control,
                std::vector<AddedToken> user, TokenizerOrigin origin)
      : VocabularyTokenizer(std::move(vocabulary), std::move(control), std::move(origin)),
        dummy_prefix_(model.dummy_prefix),
        trim_spaces_(model.trim_spaces),
        unknown_shown_(model.unknown_shown),
        user_(std::move(user)) {
    for (size_t i = 0; i < model.pieces.size(); ++i) {
      if (model.pieces[i].type == PieceType::Unknown) unknown_ = static_cast<int32_t>(i);
    }
    if (!unknown_) throw_input("{}: it has no piece for what is unknown", model.file);
    byte_tokens_.fill(-1);
    if (model.byte_fallback) byte_tokens_ = byte_tokens_of(this->vocabulary());
    CharacterBpeRules rules = rules_of(model, unknown_);
    rules.byte_tokens = byte_tokens_;
    bpe_.emplace(std::move(rules));
  }

  std::vector<int32_t> encode(std::string_view text) const override {
    std::string valid = valid_utf8(text);
    if (trim_spaces_) valid = spaces_trimmed(valid);
    std::vector<int32_t> tokens;
    if (valid.empty()) return tokens;
    if (dummy_prefix_) valid.insert(0, 1, ' ');
    const std::string marked = with_space_marks(valid);
    tokens.reserve(marked.size() / 3);
    for (const Segment& segment : user_.split(marked)) {
      segment.token ? tokens.push_back(*segment.token) : bpe_->encode(segment.text, tokens);
    }
    return tokens;
  }

 protected:
  std::string decode_shown(std::span<const int32_t> tokens) const override {
    std::string text, run;
    const auto end_run = [&] {  // One U+FFFD for each byte that is part of no character.
      for (std::string_view rest = run; !rest.empty();) {
        const Utf8Prefix prefix = utf8_prefix(rest);
        const size_t bytes = prefix.valid ? prefix.bytes : 1;
        text += prefix.valid ? rest.substr(0, bytes) : "\xef\xbf\xbd";
        rest.remove_prefix(bytes);
      }
      run.clear();
    };
    bool first = true;
    for (const int32_t token : tokens) {
      const std::string& piece = vocabulary().text(token);
      if (const auto byte = byte_of(piece); byte && byte_tokens_[*byte] == token) {
        run += static_cast<char>(*byte);
        first = false;
        continue;
      }
      end_run();
      std::string_view shown = piece;
      if (first && (dummy_prefix_ || trim_spaces_) && shown.starts_with(kSpaceMark)) {
        shown.remove_prefix(kSpaceMark.size());
      }
      first = false;
      text += token == unknown_ ? unknown_shown_ : without_space_marks(shown);
    }
    end_run();
    return text;
  }

 private:
  bool dummy_prefix_, trim_spaces_;
  std::string unknown_shown_;
  AddedTokens user_;
  std::optional<int32_t> unknown_;
  std::array<int32_t, 256> byte_tokens_{};
  std::optional<CharacterBpe> bpe_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece(const std::string& model_bytes,
                                              const std::string& file, TokenizerFiles files) {
  const Model model = read_model(model_bytes, file);
  TokenizerOrigin origin{.files = std::move(files)};
  std::vector<std::string> texts;
  std::vector<bool> control;
  std::vector<AddedToken> user;
  for (const Piece& piece : model.pieces) {
    const auto token = static_cast<int32_t>(texts.size());
    texts.push_back(piece.text);
    control.push_back(piece.type == PieceType::Control);
    if (piece.type == PieceType::User) user.push_back({.token = token, .text = piece.text});
    if (control.back() && piece.text == model.begin) origin.begin = token;
    if (control.back() && piece.text == model.end) origin.end = token;
  }
  return std::make_unique<SentencePiece>(model, Vocabulary(std::move(texts)), std::move(control),
                                         std::move(user), std::move(origin));
}

}  // namespace seqsweep
