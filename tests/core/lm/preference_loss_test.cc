#include "core/lm/preference_loss.h"

#include <gtest/gtest.h>

#include "core/lm/gpt2.h"
#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

using torch::Tensor;

std::vector<AnsweredPrompt> pairs_of(const Json& golden) {
  std::vector<AnsweredPrompt> pairs;
  for (const Json& pair : golden) pairs.push_back({pair.at(0), pair.at(1), pair.at(2)});
  return pairs;
}

void expect_equals_trl(torch::ScalarType dtype, double tolerance) {
  const Json golden = read_golden("orpo");
  const double beta = golden.at("beta");
  for (const Json& trained : golden.at("cases")) {
    Gpt2 model(Gpt2::config_of(golden.at("config"), 0));
    model.to(dtype);
    model.eval();
    set_golden_parameters(model, golden.at("parameters"));
    const auto pairs = pairs_of(trained.at("pairs"));
    const PreferenceTerms terms = preference_terms(model, pairs, NllOn::All);
    const Tensor loss = orpo_losses(terms, beta).mean();
    EXPECT_NEAR(loss.item<double>(), trained.at("loss").get<double>(), 10 * tolerance);
    loss.backward();
    auto parameters = model.named_parameters();
    for (const auto& [name, gradient] : trained.at("gradients").items()) {
      EXPECT_LE(relative_error(parameters[name].grad(), gradient), tolerance) << name;
    }
    for (const auto& [name, sum] : preference_sums(terms, beta)) {
      EXPECT_NEAR(sum / static_cast<double>(pairs.size()),
                  trained.at("metrics").at(name).get<double>(), 10 * tolerance)
          << name;
    }
  }
}

TEST(OrpoGolden, EqualsTrl) {
  expect_equals_trl(torch::kDouble, 1e-10);
  expect_equals_trl(torch::kFloat, 1e-5);
}

TEST(OrpoGolden, IsRemade) {
  expect_golden_is_remade("orpo", "torch, transformers, trl, peft");
}

TEST(Orpo, WithoutOddsItIsSupervisedFineTuning) {
  const Tensor nll = torch::tensor({1.5, 2.0});
  const PreferenceTerms terms{torch::tensor({-1.5, -2.0}), torch::tensor({-0.5, -3.0}), nll};
  EXPECT_TRUE(torch::equal(orpo_losses(terms, 0), nll));
}

TEST(Orpo, StaysFiniteWhereAnAnswerIsCertainOrImpossible) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    const std::vector<double> values = {0, -1e-30, -1e-12, -1e-9, -1e-4, -0.6931, -1, -50, -1e4};
    for (const double chosen : values) {
      for (const double rejected : values) {
        const Tensor c = torch::tensor({chosen}, dtype).requires_grad_();
        const Tensor r = torch::tensor({rejected}, dtype).requires_grad_();
        const Tensor loss = orpo_losses({c, r, -c}, 0.1).sum();
        loss.backward();
        EXPECT_TRUE(std::isfinite(loss.item<double>())) << chosen << " " << rejected;
        EXPECT_TRUE(std::isfinite(c.grad().item<double>())) << chosen << " " << rejected;
        EXPECT_TRUE(std::isfinite(r.grad().item<double>())) << chosen << " " << rejected;
      }
    }
  }
}

TEST(Orpo, LogOddsAreThoseOfTheProbability) {
  for (const double p : {1e-6, 0.1, 0.5, 0.9, 0.999999}) {
    const Tensor odds = log_odds(torch::tensor({std::log(p)}, torch::kDouble));
    EXPECT_NEAR(odds.item<double>(), std::log(p / (1 - p)), 1e-8) << p;
  }
}

TEST(PreferenceTerms, APairDoesNotDependOnItsNeighbours) {
  const torch::NoGradGuard no_grad;
  Gpt2 model({.vocabulary = 12,
              .width = 16,
              .layers = 2,
              .heads = 4,
              .inner_width = 32,
              .max_length = 64});
  model.eval();
  const std::vector<AnsweredPrompt> pairs = {
      {{1, 2, 3}, {4}, {5}}, {{7}, {8, 9, 1}, {2, 2}}, {{6, 6, 6, 6}, {1, 2}, {3}}};
  for (const NllOn on : {NllOn::Answer, NllOn::All}) {
    const PreferenceTerms together = preference_terms(model, pairs, on);
    for (size_t i = 0; i < pairs.size(); ++i) {
      const PreferenceTerms alone = preference_terms(model, std::span(pairs).subspan(i, 1), on);
      const auto at = static_cast<int64_t>(i);
      EXPECT_TRUE(torch::allclose(alone.chosen_P[0], together.chosen_P[at], 1e-5, 1e-6));
      EXPECT_TRUE(torch::allclose(alone.rejected_P[0], together.rejected_P[at], 1e-5, 1e-6));
      EXPECT_TRUE(torch::allclose(alone.nll_P[0], together.nll_P[at], 1e-5, 1e-6));
    }
  }
}

}  // namespace
}  // namespace seqsweep
