// What a tokenizer is made of, read from Hugging Face's tokenizer.json or from GPT-2's pair of
// vocab.json and merges.txt. Nothing in them is believed before it is checked: Error (Fault::Input)
// names file, place and fault.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/vocabulary.h"

namespace seqsweep {

// A value of a JSON file that knows its place in it.
class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string file, std::string place)
      : value_(&value), file_(std::move(file)), place_(std::move(place)) {}

  // A member; of an object without it, null.
  JsonPlace operator[](const std::string& key) const;
  bool is_null() const { return value_->is_null(); }
  bool is_text() const { return value_->is_string(); }
  // What it has to be, else it throws.
  std::string text() const;
  int32_t number() const;  // At least 0.
  bool flag(bool otherwise) const;
  const nlohmann::json& object() const;
  std::vector<JsonPlace> list() const;
  std::string type() const { return (*this)["type"].text(); }

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    fail_with(fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  [[noreturn]] void fail_with(const std::string& text) const;

  const nlohmann::json* value_;
  std::string file_, place_;
};

// A byte-pair tokenizer's definition.
struct BpeDefinition {
  std::string file;       // For errors.
  Vocabulary vocabulary;  // Added tokens included.
  std::vector<Merge> merges;
  std::vector<AddedToken> added;
  std::optional<int32_t> unknown;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;  // A whole word of the vocabulary is its token, whatever the merges.
  // Sequences are flattened. They look into `json`.
  std::vector<JsonPlace> normalizers, pre_tokenizers, decoders;
  std::shared_ptr<const nlohmann::json> json;
};

// By token, whether decoding leaves it out.
std::vector<bool> special_tokens(const BpeDefinition& definition);

BpeDefinition read_tokenizer_json(const std::string& bytes, const std::string& file);

// As Hugging Face's GPT2Tokenizer takes it: with <|endoftext|> as an added token.
BpeDefinition read_vocabulary_and_merges(const std::string& vocabulary, const std::string& merges,
                                         const std::string& vocabulary_file,
                                         const std::string& merges_file);

}  // namespace seqsweep
