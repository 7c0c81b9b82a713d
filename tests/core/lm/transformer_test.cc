#include "core/lm/transformer.h"

#include <gtest/gtest.h>

#include "core/lm/llama.h"
#include "tests/support/language_model.h"

namespace seqsweep {
namespace {

Llama small_llama() {
  torch::manual_seed(2);
  return Llama({.vocabulary = 12,
                .width = 8,
                .layers = 2,
                .heads = 4,
                .groups = 2,
                .head_width = 4,
                .inner_width = 8,
                .max_length = 64});
}

TEST(TransformerLanguageModel, ATextsStatesDoNotDependOnItsNeighbours) {
  const torch::NoGradGuard no_grad;
  Llama model = small_llama();
  const std::vector<std::vector<int32_t>> texts = {{1, 2, 3}, {4}, {5, 6, 7, 8, 9}};
  const torch::Tensor together = model.encode(pack_tokens(texts));
  EXPECT_TRUE(
      torch::allclose(together.slice(0, 3, 4), model.encode(pack_tokens({texts[1]})), 1e-5, 1e-6));
  EXPECT_TRUE(
      torch::allclose(together.slice(0, 4), model.encode(pack_tokens({texts[2]})), 1e-5, 1e-6));
}

TEST(TransformerLanguageModel, RowsOfOnePromptPartWays) {
  Llama model = small_llama();
  auto [last, texts] = model.begin(pack_tokens({{1, 2, 3}}));
  const std::vector<int64_t> both = {0, 0}, different = {4, 5}, second = {1}, same = {6};
  texts->advance(both, different);
  const torch::Tensor state = texts->advance(second, same);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(state, model.encode(pack_tokens({{1, 2, 3, 5, 6}})).slice(0, -1),
                              1e-4, 1e-5));
}

}  // namespace
}  // namespace seqsweep
