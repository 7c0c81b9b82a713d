#include "kernels/continued_attention.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"

namespace seqsweep {
namespace continued_attention_test {

using torch::Tensor;

// Three prompts, one of them empty, and five rows.
ContinuedAttentionInputs draw_inputs(int64_t heads, int64_t groups, int64_t width, int64_t written,
                                     torch::ScalarType dtype) {
  torch::manual_seed(static_cast<uint64_t>(heads * 100 + width + written));
  const auto draw = [&](at::IntArrayRef sizes) { return torch::randn(sizes, dtype); };
  return {.q_RHP = draw({5, heads, width}),
          .prompt_k_TGP = draw({40, groups, width}),
          .prompt_v_TGP = draw({40, groups, width}),
          .offsets_S1 = torch::tensor({0, 7, 7, 40}, torch::kInt32),
          .prompt_R = torch::tensor({2, 0, 1, 2, 0}, torch::kInt64),
          .written_k_RLGP = draw({5, 20, groups, width}),
          .written_v_RLGP = draw({5, 20, groups, width}),
          .written = written};
}

TEST(ContinuedAttention, EqualsTheReferenceAndItself) {
  for (const auto& [heads, groups] : {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {6, 2}, {4, 1}}) {
    for (const int64_t width : {1, 2, 31, 32, 33, 64, 128}) {
      for (const int64_t written : {1, 2, 20}) {
        const auto in = draw_inputs(heads, groups, width, written, torch::kDouble);
        const Tensor out = continued_attention(in);
        EXPECT_TRUE(torch::allclose(out, continued_attention_reference(in), 1e-10, 1e-12));
        const auto single = draw_inputs(heads, groups, width, written, torch::kFloat);
        const Tensor first = continued_attention(single);
        EXPECT_TRUE(torch::allclose(first, continued_attention_reference(single), 1e-4, 1e-5));
        EXPECT_TRUE(torch::equal(first, continued_attention(single)));
      }
    }
  }
}

TEST(ContinuedAttention, TokensThatDoNotCountDoNotReachTheResult) {
  auto in = draw_inputs(4, 2, 8, 3, torch::kFloat);
  const Tensor before = continued_attention(in);
  in.written_k_RLGP.slice(1, 3).fill_(NAN);
  in.written_v_RLGP.slice(1, 3).fill_(NAN);
  EXPECT_TRUE(torch::equal(before, continued_attention(in)));
}

TEST(ContinuedAttention, ShapesThatDoNotFitAreRefused) {
  auto in = draw_inputs(4, 2, 8, 3, torch::kFloat);
  in.written_v_RLGP = in.written_v_RLGP.slice(0, 1);
  EXPECT_THROW(continued_attention(in), Error);
  in = draw_inputs(4, 2, 8, 3, torch::kFloat);
  in.prompt_k_TGP = in.prompt_k_TGP.to(torch::kDouble);
  EXPECT_THROW(continued_attention(in), Error);
}

}  // namespace continued_attention_test
}  // namespace seqsweep
