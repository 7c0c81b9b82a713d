// ORPO (Hong et al. 2024; the paper's section 2): how much likelier a language model finds a chosen
// answer than a rejected one, beside the loss of learning the chosen one. Legend: P pairs.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/lm/item_texts.h"
#include "core/lm/language_model.h"

namespace seqsweep {

struct AnsweredPrompt {
  Tokens prompt, chosen, rejected;  // None empty.
};

enum class NllOn {
  Answer,  // The chosen answer's tokens.
  All,     // Those of the prompt too, but its first (TRL).
};

constexpr std::array<std::pair<NllOn, const char*>, 2> enum_names(NllOn) {
  return {{{NllOn::Answer, "answer"}, {NllOn::All, "all"}}};
}

// [P] each; log-probabilities are means over an answer's tokens.
struct PreferenceTerms {
  torch::Tensor chosen_P, rejected_P;
  torch::Tensor nll_P;  // Mean over the tokens of each pair.
};

// One forward pass. A prompt is read once for both answers where the rejected one has one token; no
// logits are made but of answers' tokens.
PreferenceTerms preference_terms(LanguageModel& model, std::span<const AnsweredPrompt> pairs,
                                 NllOn nll_on);

// log(p / (1 - p)) of log-probabilities at most 0: finite, with finite gradient, also at 0.
torch::Tensor log_odds(const torch::Tensor& log_probability);

// nll - beta log sigmoid(log odds of the chosen - log odds of the rejected), [P].
torch::Tensor orpo_losses(const PreferenceTerms& terms, double beta);

// Sums over the pairs, by the names of TRL's ORPOTrainer: "rewards/chosen", "rewards/rejected",
// "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "nll_loss",
// "log_odds_ratio", "log_odds_chosen".
std::map<std::string, double> preference_sums(const PreferenceTerms& terms, double beta);

}  // namespace seqsweep
