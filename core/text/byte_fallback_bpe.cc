#include "core/text/byte_fallback_bpe.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/text/character_bpe.h"
#include "core/text/unicode.h"

namespace seqsweep {
namespace {

using Texts = std::vector<std::string>;
using Normalizer = std::function<std::string(std::string)>;
using Decoder = std::function<Texts(Texts)>;

enum class SpaceFirst { Never, First, Always };  // Which stretches of text get a mark in front.

// {"pattern": {"String": from}, "content": to}
Normalizer replacer(const JsonPlace& stage) {
  const std::string from = stage["pattern"]["String"].text(), to = stage["content"].text();
  if (from.empty()) stage.fail("it replaces an empty text");
  return [from, to](const std::string& text) { return replace_all(text, from, to); };
}

Normalizer read_normalizer(const JsonPlace& stage) {
  if (stage.type() == "Replace") return replacer(stage);
  if (stage.type() == "NFC") return [](const std::string& text) { return composed(text); };
  if (stage.type() != "Prepend") {
    stage.fail("'{}' is not supported; Prepend, Replace and NFC are", printable(stage.type()));
  }
  const std::string prefix = stage["prepend"].text();
  return [prefix](const std::string& text) { return text.empty() ? text : prefix + text; };
}

SpaceFirst read_space_first(const JsonPlace& metaspace) {
  const JsonPlace scheme = metaspace["prepend_scheme"];
  if (scheme.is_null()) {  // Files of before 2024.
    return metaspace["add_prefix_space"].flag(true) ? SpaceFirst::Always : SpaceFirst::Never;
  }
  const std::string name = scheme.text();
  if (name == "always") return SpaceFirst::Always;
  if (name == "never") return SpaceFirst::Never;
  if (name != "first") scheme.fail("'{}' is not one of always, first, never", printable(name));
  return SpaceFirst::First;
}

// Runs of byte tokens become the text they spell, or one U+FFFD a byte when they spell none.
Texts join_bytes(Texts texts) {
  Texts joined;
  std::string run;
  const auto end_run = [&] {
    if (run.empty()) return;
    if (valid_utf8(run) == run) {
      joined.push_back(run);
    } else {
      joined.insert(joined.end(), run.size(), "\xef\xbf\xbd");
    }
    run.clear();
  };
  for (std::string& text : texts) {
    if (const auto byte = byte_of(text)) {
      run += static_cast<char>(*byte);
      continue;
    }
    end_run();
    joined.push_back(std::move(text));
  }
  end_run();
  return joined;
}

Decoder read_strip(const JsonPlace& stage) {
  const std::string content = stage["content"].text();
  const int32_t start = stage["start"].number(), stop = stage["stop"].number();
  if (content.empty()) stage.fail("it strips an empty text");
  return [content, start, stop](Texts texts) {
    for (std::string& text : texts) {
      for (int32_t i = 0; i < start && text.starts_with(content); ++i)
        text.erase(0, content.size());
      for (int32_t i = 0; i < stop && text.ends_with(content); ++i) {
        text.resize(text.size() - content.size());
      }
    }
    return texts;
  };
}

Decoder read_decoder(const JsonPlace& stage) {
  if (stage.type() == "ByteFallback") return join_bytes;
  if (stage.type() == "Fuse") return [](const Texts& texts) { return Texts{join(texts, "")}; };
  if (stage.type() == "Strip") return read_strip(stage);
  if (stage.type() == "Replace") {
    return [replace = replacer(stage)](Texts texts) {
      for (std::string& text : texts) text = replace(text);
      return texts;
    };
  }
  if (stage.type() != "Metaspace") {
    stage.fail("'{}' is not supported; Replace, ByteFallback, Fuse, Strip and Metaspace are",
               printable(stage.type()));
  }
  const bool had_space = read_space_first(stage) != SpaceFirst::Never;
  return [had_space](Texts texts) {
    for (size_t i = 0; i < texts.size(); ++i) {
      texts[i] = replace_all(texts[i], kSpaceMark, i == 0 && had_space ? "" : " ");
    }
    return texts;
  };
}

class ByteFallbackBpe : public VocabularyTokenizer {
 public:
  ByteFallbackBpe(BpeDefinition definition, std::vector<bool> special, TokenizerOrigin origin)
      : VocabularyTokenizer(std::move(definition.vocabulary), std::move(special),
                            std::move(origin)),
        bpe_(rules_of(definition)) {
    for (const JsonPlace& stage : definition.normalizers) {
      normalizers_.push_back(read_normalizer(stage));
    }
    for (const JsonPlace& stage : definition.decoders) decoders_.push_back(read_decoder(stage));
    read_metaspace(definition);
    std::vector<AddedToken> raw, normalized;
    for (AddedToken token : definition.added) {
      if (token.normalized) token.text = normalize(token.text);
      (token.normalized ? normalized : raw).push_back(token);
    }
    added_.emplace(std::move(raw));
    added_normalized_.emplace(std::move(normalized));
  }

  std::vector<int32_t> encode(std::string_view text) const override {
    const std::string valid = valid_utf8(text);
    std::vector<int32_t> tokens;
    tokens.reserve(valid.size() / 2 + 1);
    bool first = true;  // Nothing of the text has come yet.
    for (const Segment& outer : added_->split(valid)) {
      if (outer.token) {
        tokens.push_back(*outer.token);
      } else {
        const std::string normalized = normalize(std::string(outer.text));
        for (const Segment& inner : added_normalized_->split(normalized)) {
          inner.token ? tokens.push_back(*inner.token) : encode_text(inner.text, first, tokens);
          first = false;
        }
      }
      first = false;
    }
    return tokens;
  }

 protected:
  std::string decode_shown(std::span<const int32_t> tokens) const override {
    Texts texts;
    for (const int32_t token : tokens) texts.push_back(vocabulary().text(token));
    for (const Decoder& decoder : decoders_) texts = decoder(std::move(texts));
    return join(texts, "");
  }

 private:
  CharacterBpeRules rules_of(const BpeDefinition& definition) const {
    CharacterBpeRules rules{.tokens = size(),
                            .merges = definition.merges,
                            .byte_tokens = byte_tokens_of(vocabulary()),
                            .unknown = definition.unknown,
                            .fuse_unknown = definition.fuse_unknown,
                            .ignore_merges = definition.ignore_merges};
    if (!definition.byte_fallback) rules.byte_tokens.fill(-1);
    for (int32_t token = 0; token < size(); ++token) {
      rules.entries.push_back(vocabulary().text(token));
    }
    return rules;
  }

  void read_metaspace(const BpeDefinition& definition) {
    if (definition.pre_tokenizers.empty()) return;
    const JsonPlace& stage = definition.pre_tokenizers[0];
    if (definition.pre_tokenizers.size() > 1 || stage.type() != "Metaspace") {
      stage.fail("'{}' is not supported; alone, ByteLevel and Metaspace are",
                 printable(stage.type()));
    }
    if (stage["replacement"].text() != kSpaceMark) stage.fail("the replacement must be U+2581");
    metaspace_ = true;
    space_first_ = read_space_first(stage);
    split_words_ = stage["split"].flag(true);
  }

  std::string normalize(std::string text) const {
    for (const Normalizer& normalizer : normalizers_) text = normalizer(std::move(text));
    return text;
  }

  void encode_text(std::string_view text, bool first, std::vector<int32_t>& tokens) const {
    if (!metaspace_) return bpe_.encode(text, tokens);
    std::string marked = with_space_marks(text);
    const bool space_first =
        space_first_ == SpaceFirst::Always || (space_first_ == SpaceFirst::First && first);
    if (space_first && !marked.starts_with(kSpaceMark)) marked.insert(0, kSpaceMark);
    if (!split_words_) return bpe_.encode(marked, tokens);
    // Every mark begins a word of its own.
    for (std::string_view rest = marked; !rest.empty();) {
      const size_t end = std::min(rest.find(kSpaceMark, 1), rest.size());
      bpe_.encode(rest.substr(0, end), tokens);
      rest.remove_prefix(end);
    }
  }

  CharacterBpe bpe_;
  std::vector<Normalizer> normalizers_;
  std::vector<Decoder> decoders_;
  std::optional<AddedTokens> added_, added_normalized_;
  bool metaspace_ = false, split_words_ = false;
  SpaceFirst space_first_ = SpaceFirst::Never;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_fallback_bpe(BpeDefinition definition,
                                                  TokenizerOrigin origin) {
  std::vector<bool> special = special_tokens(definition);
  return std::make_unique<ByteFallbackBpe>(std::move(definition), std::move(special),
                                           std::move(origin));
}

}  // namespace seqsweep
