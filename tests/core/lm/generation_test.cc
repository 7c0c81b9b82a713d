#include "core/lm/generation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/lm/gpt2.h"
#include "tests/support/language_model.h"

// What Hugging Face writes with the same models is compared in the tests of each architecture.
namespace seqsweep {
namespace {

constexpr int32_t kEnd = 0;

Gpt2 make_writer() {
  torch::manual_seed(3);
  Gpt2 model(
      {.vocabulary = 5, .width = 8, .layers = 1, .heads = 2, .inner_width = 8, .max_length = 32});
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : model.parameters()) parameter.normal_(0, 0.7);
  model.eval();
  return model;
}

double log_probability(LanguageModel& model, std::vector<int32_t> prompt,
                       const std::vector<int32_t>& text) {
  double sum = 0;
  for (const int32_t token : text) {
    const torch::Tensor states = model.encode(pack_tokens({prompt}));
    sum += next_logits(model, states.slice(0, -1)).log_softmax(1)[0][token].item<double>();
    prompt.push_back(token);
  }
  return sum;
}

// Every text of at most `most` tokens that ends with kEnd or is as long as that.
void all_texts(std::vector<int32_t>& text, size_t most, std::vector<std::vector<int32_t>>& found) {
  for (int32_t token = 0; token < 5; ++token) {
    text.push_back(token);
    if (token == kEnd || text.size() == most) {
      found.push_back(text);
    } else {
      all_texts(text, most, found);
    }
    text.pop_back();
  }
}

TEST(BeamSearch, WithBeamsEnoughItFindsTheBestOfAllTexts) {
  const torch::NoGradGuard no_grad;
  Gpt2 model = make_writer();
  std::vector<int32_t> text;
  std::vector<std::vector<int32_t>> candidates;
  all_texts(text, 3, candidates);
  std::vector<std::pair<double, std::vector<int32_t>>> scored;
  for (const auto& candidate : candidates) {
    const auto tokens = static_cast<double>(candidate.size());
    scored.emplace_back(log_probability(model, {2, 4}, candidate) / tokens, candidate);
  }
  std::sort(scored.rbegin(), scored.rend());
  const auto found = beam_search(model, pack_tokens({{2, 4}}), {{3, kEnd}, /*beams=*/64});
  ASSERT_GE(found[0].size(), 10U);
  for (size_t i = 0; i < 10; ++i) {
    std::vector<int32_t> expected = scored[i].second;
    if (expected.back() == kEnd) expected.pop_back();
    EXPECT_EQ(found[0][i].tokens, expected) << i;
    EXPECT_NEAR(found[0][i].score, scored[i].first, 1e-5);
  }
}

TEST(BeamSearch, APromptsTextsDoNotDependOnItsNeighbours) {
  Gpt2 model = make_writer();
  const std::vector<std::vector<int32_t>> prompts = {{1}, {2, 4, 1, 3}, {3, 3}};
  const BeamOptions options{{6, kEnd}, 3};
  const auto together = beam_search(model, pack_tokens(prompts), options);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto alone = beam_search(model, pack_tokens({prompts[i]}), options);
    ASSERT_EQ(alone[0].size(), together[i].size());
    for (size_t beam = 0; beam < alone[0].size(); ++beam) {
      EXPECT_EQ(alone[0][beam].tokens, together[i][beam].tokens);
    }
  }
}

TEST(GenerateGreedily, TakesTheLikeliestTokenUntilTheEnd) {
  const torch::NoGradGuard no_grad;
  Gpt2 model = make_writer();
  const std::vector<std::vector<int32_t>> prompts = {{1}, {2, 4, 1, 3}, {3, 3}};
  const auto texts = generate_greedily(model, pack_tokens(prompts), {5, kEnd});
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::vector<int32_t> whole = prompts[i], expected;
    while (expected.size() < 5) {
      const torch::Tensor states = model.encode(pack_tokens({whole}));
      const auto token = next_logits(model, states.slice(0, -1)).argmax(1).item<int64_t>();
      if (token == kEnd) break;
      expected.push_back(static_cast<int32_t>(token));
      whole.push_back(expected.back());
    }
    EXPECT_EQ(texts[i], expected);
  }
}

}  // namespace
}  // namespace seqsweep
