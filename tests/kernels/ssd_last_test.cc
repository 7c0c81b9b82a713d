#include "kernels/ssd_last.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

#include "core/base/error.h"
#include "tests/support/gradcheck.h"

namespace seqsweep {
namespace {

using torch::Tensor;

struct Shape {
  std::vector<int32_t> lengths;
  int64_t heads = 2, head_width = 3, groups = 1, state = 4, unread = 0;
};

SsdLastInputs draw(const Shape& shape, torch::ScalarType dtype = torch::kFloat64) {
  torch::manual_seed(1);
  std::vector<int32_t> offsets{0};
  for (const int32_t length : shape.lengths) offsets.push_back(offsets.back() + length);
  const int64_t tokens = offsets.back(), sequences = std::ssize(shape.lengths);
  const auto random = [&](at::IntArrayRef sizes) { return torch::randn(sizes, dtype); };
  return {.x_THP = random({tokens, shape.heads, shape.head_width}),
          .dt_TH = random({tokens, shape.heads}),
          .A_H = -random({shape.heads}).exp(),
          .B_TGN = random({tokens, shape.groups, shape.state}),
          .C_SGN = random({sequences, shape.groups, shape.state}),
          .dt_bias_H = random({shape.heads}),
          .offsets_S1 = torch::tensor(offsets, torch::kInt),
          .unread = shape.unread};
}

// y and the gradients of a weighted sum of it.
std::vector<Tensor> differentiate(SsdLastInputs in, Tensor (*op)(const SsdLastInputs&)) {
  const std::vector<Tensor*> inputs{&in.x_THP, &in.dt_TH, &in.A_H,
                                    &in.B_TGN, &in.C_SGN, &in.dt_bias_H};
  for (Tensor* input : inputs) *input = input->detach().requires_grad_();
  const Tensor y = op(in);
  (y * torch::cos(torch::arange(y.numel(), y.options().requires_grad(false))).view_as(y))
      .sum()
      .backward();
  std::vector<Tensor> results{y.detach()};
  for (const Tensor* input : inputs) {
    results.push_back(input->grad().defined() ? input->grad() : torch::zeros_like(*input));
  }
  return results;
}

void expect_like_reference(const SsdLastInputs& in, double tolerance) {
  const auto ours = differentiate(in, ssd_last), plain = differentiate(in, ssd_last_reference);
  for (size_t i = 0; i < ours.size(); ++i) {
    if (plain[i].numel() == 0) continue;
    const double size = std::max(1.0, plain[i].abs().max().item<double>());
    EXPECT_LT((ours[i] - plain[i]).abs().max().item<double>() / size, tolerance) << "result " << i;
  }
}

TEST(SsdLast, AgreesWithTheDefinition) {
  const std::vector<int32_t> odd{1, 2, 31, 32, 33, 127, 0, 3};
  for (const int64_t unread : {0, 1}) {
    for (const int64_t groups : {1, 2}) {
      const Shape shape{.lengths = odd, .heads = 4, .groups = groups, .unread = unread};
      expect_like_reference(draw(shape), 1e-12);
      expect_like_reference(draw(shape, torch::kFloat), 1e-5);
    }
  }
  expect_like_reference(draw({.lengths = {1000}, .head_width = 64, .state = 64}), 1e-12);
}

TEST(SsdLast, GradientsAgreeWithFiniteDifferences) {
  const SsdLastInputs in = draw({.lengths = {3, 1, 5}, .unread = 1});
  expect_gradients(
      [&](const std::vector<Tensor>& v) {
        return ssd_last({v[0], v[1], v[2], v[3], v[4], v[5], in.offsets_S1, in.unread});
      },
      {in.x_THP, in.dt_TH, in.A_H, in.B_TGN, in.C_SGN, in.dt_bias_H});
}

TEST(SsdLast, TakesViewsOfTokenRows) {
  SsdLastInputs in = draw({.lengths = {5, 4}});
  const Tensor dense = ssd_last(in);
  in.x_THP = torch::cat({in.x_THP.flatten(1), torch::ones({9, 5}, torch::kFloat64)}, 1)
                 .narrow(1, 0, 6)
                 .unflatten(1, {2, 3});
  in.B_TGN = torch::cat({in.B_TGN, in.B_TGN}, 1).narrow(1, 0, 1);
  EXPECT_FALSE(in.x_THP.is_contiguous());
  EXPECT_TRUE(torch::equal(ssd_last(in), dense));
}

TEST(SsdLast, ASequenceWithoutTokensReadsZero) {
  const Tensor y = ssd_last(draw({.lengths = {1, 0, 2}, .unread = 1}));
  EXPECT_EQ(y.narrow(0, 0, 2).abs().max().item<double>(), 0);
  EXPECT_GT(y[2].abs().max().item<double>(), 0);
  EXPECT_EQ(ssd_last(draw({.lengths = {}})).size(0), 0);
}

TEST(SsdLast, TheSameInputGivesTheSameBits) {
  std::vector<int32_t> lengths(300);
  std::iota(lengths.begin(), lengths.end(), 1);
  const SsdLastInputs in = draw({.lengths = lengths}, torch::kFloat);
  const auto once = differentiate(in, ssd_last), again = differentiate(in, ssd_last);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(torch::equal(once[i], again[i])) << i;
}

TEST(SsdLast, WrongShapesNameTheTensor) {
  SsdLastInputs in = draw({.lengths = {5}});
  in.C_SGN = in.C_SGN.narrow(2, 0, 2);
  try {
    ssd_last(in);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("ssd_last: C must have shape [1, 1, 4]"));
  }
}

}  // namespace
}  // namespace seqsweep
