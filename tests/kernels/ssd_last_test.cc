#include "kernels/ssd_last.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace ssd_last_test {

using torch::Tensor;

struct Shape {
  std::vector<int> lengths;
  int64_t heads = 2, head_width = 3, groups = 1, state = 4, unread = 0;
};

SsdLastInputs draw(const Shape& shape) {
  torch::manual_seed(1);
  const Tensor offsets_S1 = offsets_of(shape.lengths);
  const int64_t tokens = offsets_S1[-1].item<int>(), sequences = std::ssize(shape.lengths);
  const auto random = [&](at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); };
  return {.x_THP = random({tokens, shape.heads, shape.head_width}),
          .dt_TH = random({tokens, shape.heads}),
          .A_H = -random({shape.heads}).exp(),
          .B_TGN = random({tokens, shape.groups, shape.state}),
          .C_SGN = random({sequences, shape.groups, shape.state}),
          .dt_bias_H = random({shape.heads}),
          .offsets_S1 = offsets_S1,
          .unread = shape.unread};
}

Tensors inputs_of(const SsdLastInputs& in) {
  return {in.x_THP, in.dt_TH, in.A_H, in.B_TGN, in.C_SGN, in.dt_bias_H};
}

Tensors differentiate(const SsdLastInputs& in, Tensor (*op)(const SsdLastInputs&),
                      torch::ScalarType dtype) {
  return with_gradients(
      [&](const Tensors& v) {
        return op({v[0], v[1], v[2], v[3], v[4], v[5], in.offsets_S1, in.unread});
      },
      to(inputs_of(in), dtype));
}

// The reference computes in float64.
void expect_like_reference(const SsdLastInputs& in) {
  const Tensors plain = differentiate(in, ssd_last_reference, torch::kDouble);
  expect_close(differentiate(in, ssd_last, torch::kDouble), plain, 1e-12);
  expect_close(differentiate(in, ssd_last, torch::kFloat), plain, 1e-5);
}

TEST(SsdLast, AgreesWithTheDefinition) {
  const std::vector<int> odd{1, 2, 31, 32, 33, 127, 0, 3};
  for (const int64_t unread : {0, 1}) {
    for (const int64_t groups : {1, 2}) {
      const Shape shape{.lengths = odd, .heads = 4, .groups = groups, .unread = unread};
      expect_like_reference(draw(shape));
    }
  }
  expect_like_reference(draw({.lengths = {1000}, .head_width = 64, .state = 64}));
}

TEST(SsdLast, GradientsAgreeWithFiniteDifferences) {
  const SsdLastInputs in = draw({.lengths = {3, 1, 5}, .unread = 1});
  expect_gradients(
      [&](const std::vector<Tensor>& v) {
        return ssd_last({v[0], v[1], v[2], v[3], v[4], v[5], in.offsets_S1, in.unread});
      },
      inputs_of(in));
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
  std::vector<int> lengths(300);
  std::iota(lengths.begin(), lengths.end(), 1);
  const SsdLastInputs in = draw({.lengths = lengths});
  expect_same_bits(differentiate(in, ssd_last, torch::kFloat),
                   differentiate(in, ssd_last, torch::kFloat));
}

TEST(SsdLast, WrongShapesNameTheTensor) {
  SsdLastInputs in = draw({.lengths = {5}});
  in.C_SGN = in.C_SGN.narrow(2, 0, 2);
  expect_error([&] { ssd_last(in); }, {"ssd_last: C must have shape [1, 1, 4]"});
}

}  // namespace ssd_last_test
}  // namespace seqsweep
