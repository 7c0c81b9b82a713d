// The entries of a tokenizer's vocabulary, numbered from 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace seqsweep {

class Vocabulary {
 public:
  // Of a text that comes twice, the first counts in find().
  explicit Vocabulary(std::vector<std::string> texts) : texts_(std::move(texts)) {
    tokens_.reserve(texts_.size());
    for (size_t i = 0; i < texts_.size(); ++i)
      tokens_.try_emplace(texts_[i], static_cast<int32_t>(i));
  }
  // tokens_ looks into texts_.
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  const std::string& text(int32_t token) const { return texts_[static_cast<size_t>(token)]; }
  std::optional<int32_t> find(std::string_view text) const {
    const auto found = tokens_.find(text);
    return found == tokens_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::string_view, int32_t> tokens_;
};

}  // namespace seqsweep
