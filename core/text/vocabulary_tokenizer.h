// What tokenizers of every kind have in common: a vocabulary, special tokens and where they came
// from.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/tokenizer.h"
#include "core/text/vocabulary.h"

namespace seqsweep {

// How a tokenizer came to be, besides its vocabulary.
struct TokenizerOrigin {
  TokenizerFiles files;
  std::optional<int32_t> begin, end;
};

class VocabularyTokenizer : public Tokenizer {
 public:
  VocabularyTokenizer(Vocabulary vocabulary, std::vector<bool> special, TokenizerOrigin origin)
      : vocabulary_(std::move(vocabulary)),
        special_(std::move(special)),
        origin_(std::move(origin)) {}

  std::string decode(std::span<const int32_t> tokens) const final;
  int64_t size() const final { return vocabulary_.size(); }
  std::optional<int32_t> find(std::string_view token) const final {
    return vocabulary_.find(token);
  }
  std::optional<int32_t> begin_token() const final { return origin_.begin; }
  std::optional<int32_t> end_token() const final { return origin_.end; }
  const TokenizerFiles& files() const final { return origin_.files; }

 protected:
  // Of tokens within the vocabulary, none of them special.
  virtual std::string decode_shown(std::span<const int32_t> tokens) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::vector<bool> special_;  // By token: not shown by decode().
  TokenizerOrigin origin_;
};

}  // namespace seqsweep
