// The titles of a data set's items as tokens, made once: prompts are put together from them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"
#include "core/text/tokenizer.h"

namespace seqsweep {

using Tokens = std::vector<int32_t>;

// An item's title; where none is known its key stands for it. What a tokenizer would take for one
// of its special tokens ("<|endoftext|>", "</s>") is spelled with a space behind "<".
std::string item_title(const Dataset& data, int64_t item);

struct ItemTextOptions {
  std::string before, after;      // What stands around each title.
  int64_t title_tokens_max = 32;  // Longer ones are cut, with `before` and without `after`.
};

class ItemTexts {
 public:
  ItemTexts(const Dataset& data, const Tokenizer& tokenizer, const ItemTextOptions& options);

  std::span<const int32_t> operator[](int64_t item) const {
    return std::span(tokens_).subspan(ends_[item], ends_[item + 1] - ends_[item]);
  }

 private:
  Tokens tokens_;
  std::vector<int64_t> ends_;
};

inline void append(Tokens& to, std::span<const int32_t> tokens) {
  to.insert(to.end(), tokens.begin(), tokens.end());
}

}  // namespace seqsweep
