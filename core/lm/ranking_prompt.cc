#include "core/lm/ranking_prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {

namespace {

constexpr const char* kInstruction =
    "### Instruction: Given the user's history in chronological order, recommend an item from the "
    "candidate pool with its index letter.\n\n### Input: User history:\n";
constexpr const char* kPool = "Candidate pool:\n";
constexpr const char* kAnswer = "\n### Answer: ";

std::vector<int32_t> letters_of(const Tokenizer& tokenizer, int64_t count) {
  if (count > 26) throw_input("candidates: at most 26 have a letter, asked for are {}", count);
  std::vector<int32_t> letters;
  for (int64_t i = 0; i < count; ++i) {
    const std::string letter(1, static_cast<char>('A' + i));
    const auto token = tokenizer.find(letter);
    if (!token) throw_input("tokenizer: has no token for the letter {}", letter);
    letters.push_back(*token);
  }
  return letters;
}

}  // namespace

RankingPrompt::RankingPrompt(const Dataset& data, const Tokenizer& tokenizer,
                             const RankingPromptOptions& options)
    : options_(options),
      titles_(data, tokenizer,
              {.before = " ", .after = "\n", .title_tokens_max = options.title_tokens_max}),
      letters_(letters_of(tokenizer, options.candidates)),
      pool_(tokenizer.encode(kPool)),
      answer_(tokenizer.encode(kAnswer)),
      open_(tokenizer.encode("(")),
      close_(tokenizer.encode(")")) {
  if (tokenizer.begin_token()) instruction_.push_back(*tokenizer.begin_token());
  append(instruction_, tokenizer.encode(kInstruction));
  for (int64_t i = 1; i <= options.history_items; ++i) {
    numbers_.push_back(tokenizer.encode(fmt::format("({})", i)));
  }
  const auto fixed = std::ssize(instruction_) + std::ssize(pool_) + std::ssize(answer_);
  const int64_t a_title = options.title_tokens_max + 8;
  if (fixed + (options.candidates + 1) * a_title > options.tokens_max) {
    throw_input(
        "language model: {} candidates of up to {} tokens and a history need more than the {} "
        "tokens of a prompt; lower candidates or title_tokens_max, or raise max_length",
        options.candidates, options.title_tokens_max, options.tokens_max);
  }
}

std::vector<std::string> RankingPrompt::phrases() {
  return {kInstruction, kPool, kAnswer};
}

Tokens RankingPrompt::operator()(History history, std::span<const int32_t> candidates,
                                 std::span<const int64_t> letters) const {
  SEQ_CHECK(std::ssize(candidates) <= options_.candidates);
  SEQ_CHECK(letters.empty() || letters.size() == candidates.size());
  Tokens pool = pool_;
  for (size_t i = 0; i < candidates.size(); ++i) {
    append(pool, open_);
    pool.push_back(letters_[letters.empty() ? i : letters[i]]);
    append(pool, close_);
    append(pool, titles_[candidates[i]]);
  }
  append(pool, answer_);

  // As many of the latest items as there is room for, numbered from the oldest of them.
  int64_t room = options_.tokens_max - std::ssize(instruction_) - std::ssize(pool);
  int64_t items = 0;
  while (items < std::min<int64_t>(options_.history_items, std::ssize(history))) {
    const int32_t item = history[history.size() - 1 - items];
    room -= std::ssize(titles_[item]) + std::ssize(numbers_[items]);
    if (room < 0) break;
    ++items;
  }
  Tokens prompt = instruction_;
  const History latest = history.last(items);
  for (int64_t i = 0; i < items; ++i) {
    append(prompt, numbers_[i]);
    append(prompt, titles_[latest[i]]);
  }
  append(prompt, pool);
  return prompt;
}

}  // namespace seqsweep
