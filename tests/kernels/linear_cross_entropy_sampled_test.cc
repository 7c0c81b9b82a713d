#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/linear_cross_entropy.h"
#include "tests/support/gradcheck.h"

namespace seqsweep {
namespace linear_cross_entropy_sampled_test {

using torch::Tensor;

struct Case {
  Tensor hidden, embedding, bias, targets, negatives, log_expected;
};

Case make_case(int64_t rows, int64_t items, int64_t negatives, torch::ScalarType dtype) {
  torch::manual_seed(rows * 1000 + items);
  const int64_t width = 12;
  return {torch::randn({rows, width}, dtype),
          torch::randn({items, width}, dtype),
          torch::randn({items}, dtype),
          torch::randint(items, {rows}, torch::kLong),
          torch::randint(items, {negatives}, torch::kLong),
          torch::randn({negatives}, dtype)};
}

using Operator = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                            const Tensor&, const Tensor&);

std::vector<Tensor> differentiate(const Case& c, Operator op) {
  const Tensor hidden = c.hidden.clone().requires_grad_();
  const Tensor embedding = c.embedding.clone().requires_grad_();
  const Tensor bias = c.bias.defined() ? c.bias.clone().requires_grad_() : Tensor();
  const Tensor loss = op(hidden, embedding, bias, c.targets, c.negatives, c.log_expected);
  (loss * 0.5).backward();
  std::vector<Tensor> results{loss.detach(), hidden.grad(), embedding.grad()};
  if (bias.defined()) results.push_back(bias.grad());
  return results;
}

void expect_like(const std::vector<Tensor>& ours, const std::vector<Tensor>& plain,
                 double tolerance) {
  for (size_t i = 0; i < ours.size(); ++i) {
    const double size = std::max(1.0, plain[i].abs().max().item<double>());
    EXPECT_LT((ours[i] - plain[i]).abs().max().item<double>() / size, tolerance) << "result " << i;
  }
}

// Few items, so that negatives repeat and equal targets; also none at all.
TEST(SampledCrossEntropy, AgreesWithTheReference) {
  for (const int64_t rows : {1, 33, 250}) {
    for (const int64_t items : {1, 9, 400}) {
      for (const int64_t negatives : {0, 1, 40, 130}) {
        Case c = make_case(rows, items, negatives, torch::kDouble);
        const auto plain = differentiate(c, sampled_cross_entropy_reference);
        expect_like(differentiate(c, sampled_cross_entropy), plain, 1e-13);
        for (Tensor* tensor : {&c.hidden, &c.embedding, &c.bias, &c.log_expected}) {
          *tensor = tensor->to(torch::kFloat);
        }
        expect_like(differentiate(c, sampled_cross_entropy), plain, 5e-6);
        c.bias = Tensor();
        expect_like(differentiate(c, sampled_cross_entropy),
                    differentiate(c, sampled_cross_entropy_reference), 1e-5);
      }
    }
  }
}

TEST(SampledCrossEntropy, WithAllItemsItIsTheFullLoss) {
  Case c = make_case(50, 77, 77, torch::kDouble);
  c.negatives = torch::randperm(77);
  c.log_expected.zero_();
  const Operator full = [](const Tensor& hidden, const Tensor& embedding, const Tensor& bias,
                           const Tensor& targets, const Tensor&, const Tensor&) {
    return linear_cross_entropy(hidden, embedding, bias, targets);
  };
  expect_like(differentiate(c, sampled_cross_entropy), differentiate(c, full), 1e-13);
}

// The mean over all pairs of draws, which is what expectation means here.
TEST(SampledCrossEntropy, TheCorrectionMakesTheDenominatorUnbiased) {
  const Case c = make_case(1, 6, 0, torch::kDouble);
  const Tensor q = torch::softmax(torch::randn({6}, torch::kDouble), 0);
  const Tensor own = (c.hidden[0] * c.embedding[c.targets[0].item<int64_t>()]).sum();
  double mean = 0;
  for (int64_t i = 0; i < 6; ++i) {
    for (int64_t j = 0; j < 6; ++j) {
      const Tensor negatives = torch::tensor({i, j});
      const Tensor log_expected = (2 * q.index_select(0, negatives)).log();
      const Tensor loss =
          sampled_cross_entropy(c.hidden, c.embedding, {}, c.targets, negatives, log_expected);
      mean += (q[i] * q[j] * torch::exp(loss + own)).item<double>();
    }
  }
  EXPECT_NEAR(mean, torch::exp(c.embedding.mv(c.hidden[0])).sum().item<double>(), 1e-9 * mean);
}

TEST(SampledCrossEntropy, GradientsMatchFiniteDifferences) {
  const Case c = make_case(5, 7, 6, torch::kDouble);
  expect_gradients(
      [&](const std::vector<Tensor>& in) {
        return sampled_cross_entropy(in[0], in[1], in[2], c.targets, c.negatives, c.log_expected);
      },
      {c.hidden, c.embedding, c.bias});
}

TEST(SampledCrossEntropy, SameInputSameBitsAndTheSameWithoutGradients) {
  const Case c = make_case(700, 300, 64, torch::kFloat);
  const auto once = differentiate(c, sampled_cross_entropy);
  const auto twice = differentiate(c, sampled_cross_entropy);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(torch::equal(once[i], twice[i]));
  EXPECT_TRUE(torch::equal(once[0], sampled_cross_entropy(c.hidden, c.embedding, c.bias, c.targets,
                                                          c.negatives, c.log_expected)));
}

TEST(SampledCrossEntropy, RefusesNegativesOutsideTheCatalogue) {
  Case c = make_case(4, 7, 3, torch::kFloat);
  c.negatives[2] = 7;
  EXPECT_THROW(differentiate(c, sampled_cross_entropy), Error);
  c.negatives[2] = 6;
  c.log_expected = torch::zeros({2});
  EXPECT_THROW(differentiate(c, sampled_cross_entropy), Error);
}

}  // namespace linear_cross_entropy_sampled_test
}  // namespace seqsweep
