#include "kernels/packed_attention.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

#include "core/base/error.h"
#include "tests/support/gradcheck.h"

namespace seqsweep {
namespace packed_attention_test {

using torch::Tensor;

struct Case {
  Tensor qkv_T3HP, offsets_S1;
  int64_t max_length = 0;
  Tensor q() const { return qkv_T3HP.select(1, 0); }
  Tensor k() const { return qkv_T3HP.select(1, 1); }
  Tensor v() const { return qkv_T3HP.select(1, 2); }
};

Case make_case(const std::vector<int>& lengths, int64_t heads, int64_t width,
               torch::ScalarType dtype) {
  torch::manual_seed(7);
  std::vector<int> offsets{0};
  for (const int length : lengths) offsets.push_back(offsets.back() + length);
  return {torch::randn({offsets.back(), 3, heads, width}, dtype),
          torch::tensor(offsets, torch::kInt), *std::ranges::max_element(lengths)};
}

Tensor attend(const Case& c, const Tensor& qkv, const AttentionOptions& options = {}) {
  return packed_attention(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), c.offsets_S1,
                          c.max_length, options);
}
Tensor attend_plainly(const Case& c, const Tensor& qkv, const AttentionOptions& options = {}) {
  return packed_attention_reference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2),
                                    c.offsets_S1, options);
}

struct Result {
  Tensor out, gradient;
};
Result differentiate(const Case& c, const AttentionOptions& options,
                     Tensor (*attention)(const Case&, const Tensor&, const AttentionOptions&)) {
  const Tensor qkv = c.qkv_T3HP.clone().requires_grad_();
  const Tensor out = attention(c, qkv, options);
  const Tensor weights = torch::sin(torch::arange(out.numel(), out.options())).view(out.sizes());
  (out * weights).sum().backward();
  return {out.detach(), qkv.grad()};
}

void expect_like_reference(const Case& c, const AttentionOptions& options) {
  const double tolerance = c.qkv_T3HP.scalar_type() == torch::kFloat ? 2e-5 : 1e-12;
  const Result ours = differentiate(c, options, attend);
  const Result plain = differentiate(c, options, attend_plainly);
  EXPECT_LT((ours.out - plain.out).abs().max().item<double>(), tolerance);
  EXPECT_LT((ours.gradient - plain.gradient).abs().max().item<double>(), tolerance);
}

const std::vector<int> kLengths{1, 2, 31, 32, 33, 64, 65, 200};

TEST(PackedAttention, AgreesWithTheReferenceForAllLengths) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    expect_like_reference(make_case(kLengths, 2, 32, dtype), {});
  }
}

TEST(PackedAttention, AgreesWithTheReferenceForOddHeadsAndWidths) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    for (const int64_t heads : {1, 3}) {
      for (const int64_t width : {1, 8, 20, 64}) {
        expect_like_reference(make_case({5, 0, 40}, heads, width, dtype), {});
      }
    }
  }
}

TEST(PackedAttention, DropsTheSameWeightsAsTheReference) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    expect_like_reference(make_case({3, 70, 1, 33}, 2, 16, dtype), {.dropout = 0.3, .seed = 11});
  }
}

TEST(PackedAttention, GradientsMatchFiniteDifferences) {
  const Case c = make_case({4, 1, 7}, 2, 3, torch::kDouble);
  for (const double dropout : {0.0, 0.4}) {
    expect_gradients(
        [&](const std::vector<Tensor>& in) {
          return attend(c, in[0], {.dropout = dropout, .seed = 5});
        },
        {c.qkv_T3HP});
  }
}

TEST(PackedAttention, DropoutKeepsTheExpectedShareAndDependsOnTheSeed) {
  // Equal scores and unit values: the output is the share of kept weights, scaled.
  const int64_t length = 2000;
  const Tensor zeros = torch::zeros({length, 1, 8}), ones = torch::ones({length, 1, 8});
  const Tensor offsets = torch::tensor({0, 2000}, torch::kInt);
  const auto last = [&](uint64_t seed) {
    return packed_attention(zeros, zeros, ones, offsets, length, {.dropout = 0.25, .seed = seed})
        .index({-1, 0, 0})
        .item<float>();
  };
  EXPECT_NEAR(last(1), 1.0, 0.06);  // Four standard deviations.
  EXPECT_NE(last(1), last(2));
  EXPECT_NE(last(1), last(1ULL << 32));
}

TEST(PackedAttention, SurvivesLargeScores) {
  Case c = make_case({50}, 2, 32, torch::kFloat);
  c.qkv_T3HP.mul_(100);
  const Result ours = differentiate(c, {}, attend);
  EXPECT_TRUE(ours.out.isfinite().all().item<bool>());
  EXPECT_TRUE(ours.gradient.isfinite().all().item<bool>());
}

TEST(PackedAttention, ASequenceDoesNotSeeTheOthers) {
  const Case alone = make_case({33}, 2, 16, torch::kFloat);
  const Case after = make_case({17, 33, 5}, 2, 16, torch::kFloat);
  after.qkv_T3HP.narrow(0, 17, 33).copy_(alone.qkv_T3HP);
  EXPECT_TRUE(
      torch::equal(attend(after, after.qkv_T3HP).narrow(0, 17, 33), attend(alone, alone.qkv_T3HP)));
}

TEST(PackedAttention, LaterTokensDoNotReachEarlierOnes) {
  const Case c = make_case({64}, 2, 16, torch::kFloat);
  const Tensor before = attend(c, c.qkv_T3HP);
  c.qkv_T3HP[40].fill_(3);
  const Tensor after = attend(c, c.qkv_T3HP);
  EXPECT_TRUE(torch::equal(before.narrow(0, 0, 40), after.narrow(0, 0, 40)));
  EXPECT_FALSE(torch::equal(before[40], after[40]));
}

TEST(PackedAttention, SameInputSameBits) {
  const Case c = make_case(kLengths, 2, 32, torch::kFloat);
  const AttentionOptions options{.dropout = 0.2, .seed = 3};
  const Result once = differentiate(c, options, attend), twice = differentiate(c, options, attend);
  EXPECT_TRUE(torch::equal(once.out, twice.out));
  EXPECT_TRUE(torch::equal(once.gradient, twice.gradient));
}

TEST(PackedAttention, RefusesWhatDoesNotFit) {
  const Case c = make_case({4, 6}, 2, 8, torch::kFloat);
  const Tensor q = c.q(), k = c.k(), v = c.v();
  EXPECT_THROW(packed_attention(q, k, v, c.offsets_S1, 5), Error);  // A sequence is longer.
  EXPECT_THROW(packed_attention(q, k, v, torch::tensor({0, 4}, torch::kInt), 6), Error);
  EXPECT_THROW(packed_attention(q, k, v, torch::tensor({0, 7, 4, 10}, torch::kInt), 10), Error);
  EXPECT_THROW(packed_attention(q, k, v, torch::tensor({0, 10}, torch::kLong), 10), Error);
  EXPECT_THROW(packed_attention(q, k.narrow(0, 0, 4), v, c.offsets_S1, 6), Error);
  EXPECT_THROW(packed_attention(q, k.to(torch::kDouble), v, c.offsets_S1, 6), Error);
}

}  // namespace packed_attention_test
}  // namespace seqsweep
