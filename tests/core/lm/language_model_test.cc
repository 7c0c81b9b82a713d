#include "core/lm/language_model.h"

#include <gtest/gtest.h>

#include "core/lm/gpt2.h"
#include "core/text/train_bpe.h"
#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

TEST(LanguageModelGolden, IsRemade) {
  expect_golden_is_remade("language_models", "torch, transformers, peft");
}

TEST(LanguageModel, ATokenizerOfMoreTokensIsRefused) {
  Gpt2 model(
      {.vocabulary = 256, .width = 8, .layers = 1, .heads = 2, .inner_width = 8, .max_length = 4});
  EXPECT_THROW(model.set_tokenizer(train_byte_level_bpe(std::vector<std::string>{"aa"}, 257)),
               Error);
}

TEST(LanguageModel, LogitsAreProductsWithTheOutputEmbedding) {
  Gpt2 model(
      {.vocabulary = 9, .width = 8, .layers = 1, .heads = 2, .inner_width = 8, .max_length = 4});
  const torch::Tensor states = torch::randn({3, 8});
  const torch::Tensor logits = next_logits(model, states);
  EXPECT_EQ(logits.size(1), 9);
  EXPECT_TRUE(torch::allclose(logits[1][4], torch::dot(states[1], model.output_embedding()[4])));
}

}  // namespace
}  // namespace seqsweep
