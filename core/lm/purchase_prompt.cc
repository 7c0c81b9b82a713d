#include "core/lm/purchase_prompt.h"

#include <algorithm>

#include "core/base/error.h"

namespace seqsweep {

namespace {

constexpr const char* kBegin = "Previously, the customer has bought:";
constexpr const char* kMiddle = " In the future, the customer wants to buy";

int32_t end_of(const Tokenizer& tokenizer) {
  if (tokenizer.end_token()) return *tokenizer.end_token();
  throw_input("tokenizer: names no end token, which is to close a title");
}

}  // namespace

PurchasePrompt::PurchasePrompt(const Dataset& data, const Tokenizer& tokenizer,
                               const PurchasePromptOptions& options)
    : options_(options),
      bought_(data, tokenizer,
              {.before = " ", .after = ".", .title_tokens_max = options.title_tokens_max}),
      wanted_(data, tokenizer,
              {.before = " ", .after = "", .title_tokens_max = options.title_tokens_max}),
      middle_(tokenizer.encode(kMiddle)),
      end_(end_of(tokenizer)) {
  if (tokenizer.begin_token()) begin_.push_back(*tokenizer.begin_token());
  append(begin_, tokenizer.encode(kBegin));
  const auto fixed = std::ssize(begin_) + std::ssize(middle_);
  const int64_t least = fixed + 2 * options.title_tokens_max + 9;
  if (least > options.tokens_max) {
    throw_input("language model: a prompt and two titles of up to {} tokens need {}, it reads {}",
                options.title_tokens_max, least, options.tokens_max);
  }
}

std::vector<std::string> PurchasePrompt::phrases() {
  return {kBegin, kMiddle};
}

int64_t PurchasePrompt::items_that_fit(History history) const {
  int64_t room =
      options_.tokens_max - std::ssize(begin_) - std::ssize(middle_) - answer_tokens_max();
  const int64_t most = std::min<int64_t>(options_.history_items, std::ssize(history));
  int64_t items = 0;
  while (items < most) {
    room -= std::ssize(bought_[history[history.size() - 1 - items]]);
    if (room < 0) break;
    ++items;
  }
  return items;
}

Tokens PurchasePrompt::operator()(History history) const {
  Tokens prompt = begin_;
  for (const int32_t item : history.last(items_that_fit(history))) append(prompt, bought_[item]);
  append(prompt, middle_);
  return prompt;
}

PurchasePrompt::Text PurchasePrompt::text(History history, int64_t first, int32_t target) const {
  Text text{.tokens = begin_};
  const auto learn_from = [&](int64_t begin) {
    for (int64_t at = begin; at < std::ssize(text.tokens); ++at) text.learnt.push_back(at);
  };
  for (int64_t i = std::ssize(history) - items_that_fit(history); i < std::ssize(history); ++i) {
    const auto begin = std::ssize(text.tokens);
    append(text.tokens, bought_[history[i]]);
    if (i >= first) learn_from(begin);
  }
  append(text.tokens, middle_);
  const auto begin = std::ssize(text.tokens);
  append(text.tokens, wanted_[target]);
  text.tokens.push_back(end_);
  learn_from(begin);
  return text;
}

}  // namespace seqsweep
