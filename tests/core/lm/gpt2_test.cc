#include "core/lm/gpt2.h"

#include <gtest/gtest.h>

#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

const Json& golden_gpt2() {
  static const Json golden = read_golden("language_models").at("cases").at("gpt2");
  return golden;
}

TEST(Gpt2, EqualsTransformers) {
  Gpt2 model(Gpt2::config_of(golden_gpt2().at("config"), 0));
  expect_golden_language_model(model, golden_gpt2(), torch::kDouble, 1e-10);
  Gpt2 single(Gpt2::config_of(golden_gpt2().at("config"), 0));
  expect_golden_language_model(single, golden_gpt2(), torch::kFloat, 1e-4);
}

TEST(Gpt2, WritesWhatTransformersWrites) {
  Gpt2 model(Gpt2::config_of(golden_gpt2().at("config"), 0));
  expect_golden_texts(model, golden_gpt2());
}

TEST(Gpt2, TokenByTokenLeadsWhereTheWholeTextLeads) {
  Gpt2 model({.vocabulary = 12,
              .width = 16,
              .layers = 2,
              .heads = 4,
              .inner_width = 32,
              .max_length = 64});
  expect_continues(model);
}

TEST(Gpt2, ATextLongerThanItsPositionsIsRefused) {
  Gpt2 model(
      {.vocabulary = 12, .width = 8, .layers = 1, .heads = 2, .inner_width = 8, .max_length = 4});
  auto [last, texts] = model.begin(pack_tokens({{1, 2, 3}}));
  const std::vector<int64_t> row = {0}, token = {5};
  texts->advance(row, token);
  EXPECT_THROW(texts->advance(row, token), Error);
}

TEST(Gpt2, ConfigsThatItCannotBeAreRefused) {
  const auto refuse = [](const char* key, const Json& value) {
    Json config = golden_gpt2().at("config");
    config[key] = value;
    EXPECT_THROW(Gpt2::config_of(config, 0), Error) << key;
  };
  refuse("activation_function", "relu");
  refuse("n_head", 3);
  refuse("n_layer", -1);
  refuse("n_embd", "wide");
  refuse("tie_word_embeddings", false);
  refuse("scale_attn_by_inverse_layer_idx", true);
}

}  // namespace
}  // namespace seqsweep
