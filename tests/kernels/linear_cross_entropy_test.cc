#include "kernels/linear_cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "tests/support/gradcheck.h"

namespace seqsweep {
namespace linear_cross_entropy_test {

using torch::Tensor;

struct Case {
  Tensor hidden, embedding, bias, targets;
};

Case make_case(int64_t rows, int64_t items, int64_t width, torch::ScalarType dtype) {
  torch::manual_seed(rows * 1000 + items);
  return {torch::randn({rows, width}, dtype), torch::randn({items, width}, dtype),
          torch::randn({items}, dtype), torch::randint(items, {rows}, torch::kLong)};
}

using Operator = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&);

std::vector<Tensor> differentiate(const Case& c, Operator op) {
  const Tensor hidden = c.hidden.clone().requires_grad_();
  const Tensor embedding = c.embedding.clone().requires_grad_();
  const Tensor bias = c.bias.defined() ? c.bias.clone().requires_grad_() : Tensor();
  const Tensor loss = op(hidden, embedding, bias, c.targets);
  (loss * 0.5).backward();
  std::vector<Tensor> results{loss.detach(), hidden.grad(), embedding.grad()};
  if (bias.defined()) results.push_back(bias.grad());
  return results;
}

Case in_double(const Case& c) {
  return {c.hidden.to(torch::kDouble), c.embedding.to(torch::kDouble),
          c.bias.defined() ? c.bias.to(torch::kDouble) : Tensor(), c.targets};
}

// The reference always computes in float64. Measured over the cases below, the largest errors are
// 5e-8 (loss), 1.5e-6 (hidden, where scores have a size of 30, whose last bit is 2e-6), 1.1e-6
// (embedding) and 6e-7 (bias): the bound leaves a factor of three.
void expect_like_reference(const Case& c) {
  const double tolerance = c.hidden.scalar_type() == torch::kFloat ? 5e-6 : 1e-13;
  const auto ours = differentiate(c, linear_cross_entropy);
  const auto plain = differentiate(in_double(c), linear_cross_entropy_reference);
  for (size_t i = 0; i < ours.size(); ++i) {
    const double size = std::max(1.0, plain[i].abs().max().item<double>());
    const double error = (ours[i] - plain[i]).abs().max().item<double>() / size;
    EXPECT_LT(error, tolerance) << "result " << i;
  }
}

TEST(LinearCrossEntropy, AgreesWithTheReference) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    for (const int64_t rows : {1, 31, 257, 1000}) {
      for (const int64_t items : {1, 2, 33, 257}) {
        Case c = make_case(rows, items, 16, dtype);
        expect_like_reference(c);
        c.bias = Tensor();
        expect_like_reference(c);
      }
    }
  }
}

TEST(LinearCrossEntropy, AgreesWithTheReferenceOverManyChunksAndTiles) {
  expect_like_reference(make_case(1100, 5000, 8, torch::kFloat));
  expect_like_reference(make_case(700, 3417, 64, torch::kFloat));
  expect_like_reference(make_case(199, 1000, 50, torch::kDouble));
}

TEST(LinearCrossEntropy, GradientsMatchFiniteDifferences) {
  const Case c = make_case(5, 7, 3, torch::kDouble);
  expect_gradients(
      [&](const std::vector<Tensor>& in) {
        return linear_cross_entropy(in[0], in[1], in[2], c.targets);
      },
      {c.hidden, c.embedding, c.bias});
}

TEST(LinearCrossEntropy, SurvivesLargeScores) {
  Case c = make_case(20, 40, 16, torch::kFloat);
  c.hidden.mul_(1000);
  for (const Tensor& result : differentiate(c, linear_cross_entropy)) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
}

TEST(LinearCrossEntropy, ANaNIsNotHidden) {
  Case c = make_case(20, 40, 16, torch::kFloat);
  c.hidden[3][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(linear_cross_entropy(c.hidden, c.embedding, c.bias, c.targets).isnan().item<bool>());
}

TEST(LinearCrossEntropy, NoRowsNoLoss) {
  const Case c = make_case(0, 7, 3, torch::kFloat);
  EXPECT_EQ(differentiate(c, linear_cross_entropy)[0].item<float>(), 0);
}

TEST(LinearCrossEntropy, SameInputSameBitsAndTheSameWithoutGradients) {
  const Case c = make_case(700, 300, 64, torch::kFloat);
  const auto once = differentiate(c, linear_cross_entropy);
  const auto twice = differentiate(c, linear_cross_entropy);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(torch::equal(once[i], twice[i]));
  EXPECT_TRUE(
      torch::equal(once[0], linear_cross_entropy(c.hidden, c.embedding, c.bias, c.targets)));
}

TEST(LinearCrossEntropy, RefusesTargetsOutsideTheCatalogue) {
  Case c = make_case(4, 7, 3, torch::kFloat);
  c.targets[2] = 7;
  EXPECT_THROW(linear_cross_entropy(c.hidden, c.embedding, c.bias, c.targets), Error);
  c.targets[2] = -1;
  EXPECT_THROW(linear_cross_entropy(c.hidden, c.embedding, c.bias, c.targets), Error);
}

}  // namespace linear_cross_entropy_test
}  // namespace seqsweep
