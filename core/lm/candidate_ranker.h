// The second stage of LlamaRec (Yue et al. 2023): a language model reads a history and the pool
// that another run's model retrieves for it, and the candidates are ordered by the logits of their
// letters, in one forward pass. Legend: S prompts, D width.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/lm/language_model.h"
#include "core/lm/ranking_prompt.h"
#include "core/train/model.h"

namespace seqsweep {

// What an item is to be told from in training: random items that the user does not have, or the
// retriever's best, as at test.
enum class TrainPool { Random, Retrieved };
constexpr std::array<std::pair<TrainPool, const char*>, 2> enum_names(TrainPool) {
  return {{{TrainPool::Random, "random"}, {TrainPool::Retrieved, "retrieved"}}};
}

struct CandidateRankerConfig {
  int64_t candidates = 20, history_items = 20, title_tokens_max = 32, tokens_max = 1536;

  void fields(auto&& field) {
    field("candidates", candidates, "of a pool: the retriever's best", between(2, 26));
    field("history_items", history_items, "the latest items that a prompt tells", at_least(1));
    field("title_tokens_max", title_tokens_max, "longer titles are cut", at_least(4));
    field("tokens_max", tokens_max, "of a prompt, if the model can read as many", at_least(64));
  }
};

using Pool = std::vector<int32_t>;

class CandidateRanker {
 public:
  // context.model must be a language model, and context.needs have a "retriever". Throws Error
  // (Fault::Input) that starts with `who`.
  CandidateRanker(const CandidateRankerConfig& config, const TaskContext& context,
                  const std::string& who);

  LanguageModel& model() const { return *model_; }
  const RankingPrompt& prompt() const { return prompt_; }
  int64_t tokens() const { return tokens_; }  // That ranking has read.

  // As Task's. Users whose target is none of the candidates keep the retriever's rank, which is
  // behind them.
  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split);
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen);

  // Of the users whose target is among the candidates, as the paper of LlamaRec has them beside
  // those of all users: their share, "retrieved/share", and "retrieved/hit@10" and the like.
  // Nothing without ranks.
  std::map<std::string, double> retrieved_metrics(std::span<const int32_t> ranks) const;

  // The retriever's best: as many as candidates, and some `more`.
  std::vector<Pool> retrieve(std::span<const History> histories, Seen seen, int64_t more = 0) const;
  // `first`, then items that are not of the history, each once: as many as candidates, fewer where
  // there are fewer.
  Pool random_pool(History history, std::span<const int32_t> first, Rng& rng) const;

  // [S, D]: what the answers are read from.
  torch::Tensor answer_states(const std::vector<Tokens>& prompts) const;

 private:
  std::vector<std::vector<Recommendation>> ranked(std::span<const History> histories, Seen seen);

  CandidateRankerConfig config_;
  std::shared_ptr<LanguageModel> model_;
  std::shared_ptr<const Dataset> data_;
  std::shared_ptr<Task> retriever_;
  RankingPrompt prompt_;
  torch::Tensor letters_C_;
  int64_t tokens_ = 0;
};

}  // namespace seqsweep
