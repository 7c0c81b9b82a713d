// GPT4Rec's prompt (Li et al. 2023): titles that the customer has bought, and what it wants to buy
// is to be written.
#pragma once

#include "core/lm/item_texts.h"

namespace seqsweep {

struct PurchasePromptOptions {
  int64_t history_items = 20;  // The latest ones.
  int64_t title_tokens_max = 32;
  int64_t tokens_max = 1024;  // Of a text; the oldest items of the history are left out for it.
};

class PurchasePrompt {
 public:
  // Throws Error (Fault::Input) when the tokenizer names no end token, or there is no room for a
  // history of one title.
  PurchasePrompt(const Dataset& data, const Tokenizer& tokenizer,
                 const PurchasePromptOptions& options);

  // What stands around the titles, for a tokenizer of one's own.
  static std::vector<std::string> phrases();

  // The title of the next item comes next, and then the end token.
  Tokens operator()(History history) const;

  // A text to learn from: the prompt of a history, then `target`, then the end.
  struct Text {
    Tokens tokens;
    std::vector<int64_t> learnt;  // Places of the tokens that are to be predicted.
  };
  // To be predicted are the target with its end, and of the history the titles from `first` on.
  Text text(History history, int64_t first, int32_t target) const;

  int32_t end_token() const { return end_; }
  int64_t answer_tokens_max() const { return options_.title_tokens_max + 1; }

 private:
  int64_t items_that_fit(History history) const;

  PurchasePromptOptions options_;
  ItemTexts bought_, wanted_;  // " title." and " title"
  Tokens begin_, middle_;
  int32_t end_;
};

}  // namespace seqsweep
