// LlamaRec's prompt (Yue et al. 2023, in the wording of the paper's section 3.5): a history and a
// pool of candidates by their titles, to be answered with the letter of one. Put together from
// tokens, so that a letter is the same token in the pool and as the answer.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/lm/item_texts.h"

namespace seqsweep {

struct RankingPromptOptions {
  int64_t history_items = 20;  // The latest ones.
  int64_t candidates = 20;     // At most; 26 letters are there.
  int64_t title_tokens_max = 32;
  int64_t tokens_max = 1536;  // Of a prompt; the oldest items of the history are left out for it.
};

class RankingPrompt {
 public:
  // Throws Error (Fault::Input) when there are too few letters or no token for one, or when a pool
  // of longest titles leaves no room for a history.
  RankingPrompt(const Dataset& data, const Tokenizer& tokenizer,
                const RankingPromptOptions& options);

  // What stands around the titles, for a tokenizer of one's own.
  static std::vector<std::string> phrases();

  // The answer comes next. `letters`: of each candidate, which of letters() is its own; the first
  // ones unless given.
  Tokens operator()(History history, std::span<const int32_t> candidates,
                    std::span<const int64_t> letters = {}) const;
  // Their tokens, in order: as many as a pool has candidates.
  const std::vector<int32_t>& letters() const { return letters_; }

 private:
  RankingPromptOptions options_;
  ItemTexts titles_;  // " title\n"
  std::vector<int32_t> letters_;
  Tokens instruction_, pool_, answer_, open_, close_;
  std::vector<Tokens> numbers_;  // "(1)", "(2)", ...
};

}  // namespace seqsweep
