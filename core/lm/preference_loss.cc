#include "core/lm/preference_loss.h"

#include <torch/types.h>

#include <cmath>

#include "core/base/check.h"
#include "kernels/linear_cross_entropy.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// Where the states lie that predict tokens, and the tokens.
struct Places {
  std::vector<int64_t> states, tokens;

  void add(int64_t first_state, std::span<const int32_t> of_tokens) {
    for (const int32_t token : of_tokens) {
      states.push_back(first_state++);
      tokens.push_back(token);
    }
  }
};

Tensor on_device(const std::vector<int64_t>& numbers, const Tensor& like) {
  return torch::tensor(numbers, torch::kInt64).to(like.device());
}

// Means over each answer's tokens, [P].
Tensor mean_log_probabilities(LanguageModel& model, const Tensor& states_TD, const Places& places,
                              const std::vector<int64_t>& lengths) {
  const Tensor at_N = on_device(places.states, states_TD);
  const Tensor logits_NV = next_logits(model, states_TD.index_select(0, at_N));
  const Tensor tokens_N1 = on_device(places.tokens, states_TD).unsqueeze(1);
  const Tensor log_N = logits_NV.log_softmax(1).gather(1, tokens_N1).squeeze(1);
  std::vector<Tensor> means;
  for (const Tensor& of_answer : log_N.split_with_sizes(lengths)) means.push_back(of_answer.mean());
  return torch::stack(means);
}

// log(1 - e^x) for x < 0, by the form that loses nothing (Maechler 2012). Each form sees only
// numbers that it is good for: where() would else pass on a NaN gradient of the other one.
Tensor log1mexp(const Tensor& x) {
  const Tensor near = x > -std::log(2.0);
  const Tensor of_near = (-torch::expm1(torch::where(near, x, -torch::ones_like(x)))).log();
  const Tensor of_far = torch::log1p(-torch::exp(torch::where(near, -torch::ones_like(x), x)));
  return torch::where(near, of_near, of_far);
}

}  // namespace

PreferenceTerms preference_terms(LanguageModel& model, std::span<const AnsweredPrompt> pairs,
                                 NllOn nll_on) {
  // A text ends before its answer's last token, which nothing is predicted from.
  std::vector<Tokens> texts;
  int64_t read = 0;
  const auto add_text = [&](const Tokens& prompt, const Tokens& answer) {
    Tokens& text = texts.emplace_back(prompt);
    append(text, std::span(answer).first(answer.size() - 1));
    SEQ_CHECK(std::ssize(text) <= model.max_length());
    const int64_t begin = read;
    read += std::ssize(text);
    return begin;
  };
  Places chosen, rejected;
  std::vector<int64_t> chosen_lengths, rejected_lengths, begins;
  for (const AnsweredPrompt& pair : pairs) {
    SEQ_CHECK(!pair.prompt.empty() && !pair.chosen.empty() && !pair.rejected.empty());
    const auto prompt_length = std::ssize(pair.prompt);
    const int64_t begin = add_text(pair.prompt, pair.chosen);
    chosen.add(begin + prompt_length - 1, pair.chosen);
    const int64_t of_rejected =
        pair.rejected.size() == 1 ? begin : add_text(pair.prompt, pair.rejected);
    rejected.add(of_rejected + prompt_length - 1, pair.rejected);
    begins.push_back(begin);
    chosen_lengths.push_back(std::ssize(pair.chosen));
    rejected_lengths.push_back(std::ssize(pair.rejected));
  }
  const Tensor states_TD = model.encode(pack_texts(model, texts));
  PreferenceTerms terms{
      .chosen_P = mean_log_probabilities(model, states_TD, chosen, chosen_lengths),
      .rejected_P = mean_log_probabilities(model, states_TD, rejected, rejected_lengths)};
  if (nll_on == NllOn::Answer) {
    terms.nll_P = -terms.chosen_P;
    return terms;
  }
  std::vector<Tensor> losses;
  for (size_t i = 0; i < pairs.size(); ++i) {
    Tokens whole = pairs[i].prompt;
    append(whole, pairs[i].chosen);
    const auto count = std::ssize(whole) - 1;
    const std::vector<int64_t> next(whole.begin() + 1, whole.end());
    losses.push_back(linear_cross_entropy(states_TD.narrow(0, begins[i], count),
                                          model.output_embedding(), {},
                                          on_device(next, states_TD)) /
                     static_cast<double>(count));
  }
  terms.nll_P = torch::stack(losses);
  return terms;
}

Tensor log_odds(const Tensor& log_probability) {
  constexpr double kAlmostZero = -1e-20;  // A probability of 1 would have infinite odds.
  const Tensor x = log_probability.clamp_max(kAlmostZero);
  return x - log1mexp(x);
}

Tensor orpo_losses(const PreferenceTerms& terms, double beta) {
  const Tensor ratio_P = torch::log_sigmoid(log_odds(terms.chosen_P) - log_odds(terms.rejected_P));
  return terms.nll_P - beta * ratio_P;
}

std::map<std::string, double> preference_sums(const PreferenceTerms& terms, double beta) {
  const torch::NoGradGuard no_grad;
  const Tensor chosen = terms.chosen_P.to(torch::kDouble),
               rejected = terms.rejected_P.to(torch::kDouble);
  const Tensor odds = log_odds(chosen) - log_odds(rejected);
  const auto sum = [](const Tensor& x_P) { return x_P.sum().item<double>(); };
  return {{"rewards/chosen", beta * sum(chosen)},
          {"rewards/rejected", beta * sum(rejected)},
          {"rewards/accuracies", sum((chosen > rejected).to(torch::kDouble))},
          {"rewards/margins", beta * sum(chosen - rejected)},
          {"logps/chosen", sum(chosen)},
          {"logps/rejected", sum(rejected)},
          {"nll_loss", sum(terms.nll_P.to(torch::kDouble))},
          {"log_odds_ratio", sum(torch::log_sigmoid(odds))},
          {"log_odds_chosen", sum(odds)}};
}

}  // namespace seqsweep
