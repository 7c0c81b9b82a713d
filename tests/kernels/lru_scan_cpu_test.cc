#include "kernels/lru_scan.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace lru_scan_cpu_test {

using torch::Tensor;

struct LruCase {
  Tensors values;  // x and lambda.
  Tensor offsets_S1;
  LruScanInputs inputs() const { return {values[0], values[1], offsets_S1}; }
};

LruCase make_lru_case(const std::vector<int>& lengths, int64_t channels, torch::ScalarType dtype) {
  torch::manual_seed(3);
  const Tensor offsets = offsets_of(lengths);
  const Tensor x = torch::randn({offsets[-1].item<int>(), 2 * channels}, torch::kDouble);
  const Tensor radius = torch::rand({channels}, torch::kDouble) * 0.19 + 0.8;
  const Tensor angle = torch::rand({channels}, torch::kDouble) * 6.28;
  const Tensor lambda = torch::stack({radius * angle.cos(), radius * angle.sin()});
  return {to({x, lambda}, dtype), offsets};
}

using LruOperator = Tensor (*)(const LruScanInputs&);

Tensors differentiate_lru(const LruCase& c, LruOperator scan) {
  return with_gradients(
      [&](const Tensors& leaves) {
        return scan({leaves[0], leaves[1], c.offsets_S1});
      },
      c.values);
}

void expect_like_lru_reference(const LruCase& c) {
  const double tolerance = c.values[0].scalar_type() == torch::kFloat ? 1e-5 : 1e-12;
  expect_close(differentiate_lru(c, lru_scan), differentiate_lru(c, lru_scan_reference), tolerance);
}

TEST(LruScan, IsThePowersOfLambda) {
  const Tensor lambda = torch::tensor({0.0, 0.5}, torch::kDouble).view({2, 1});  // i / 2
  const Tensor x = torch::tensor({1.0, 0.0, 0.0, 0.0, 0.0, 0.0}, torch::kDouble).view({3, 2});
  const Tensor h = lru_scan({x, lambda, offsets_of({3})});
  expect_close({h}, {torch::tensor({1.0, 0.0, 0.0, 0.5, -0.25, 0.0}, torch::kDouble).view({3, 2})},
               1e-15);
}

TEST(LruScan, AgreesWithTheReferenceForAllLengthsAndChannels) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    expect_like_lru_reference(make_lru_case(kOddLengths, 8, dtype));
    expect_like_lru_reference(make_lru_case({1000}, 8, dtype));
    for (const int64_t channels : {1, 3, 64, 65, 150}) {
      expect_like_lru_reference(make_lru_case({5, 0, 40}, channels, dtype));
    }
  }
}

TEST(LruScan, GradientsMatchFiniteDifferences) {
  const LruCase c = make_lru_case({4, 1, 0, 12}, 3, torch::kDouble);
  expect_gradients(
      [&](const Tensors& v) {
        return lru_scan({v[0], v[1], c.offsets_S1});
      },
      c.values);
}

TEST(LruScan, ASequenceDoesNotSeeTheOthers) {
  const LruCase alone = make_lru_case({45}, 20, torch::kFloat);
  LruCase pack = make_lru_case({17, 45, 5}, 20, torch::kFloat);
  pack.values[0].narrow(0, 17, 45).copy_(alone.values[0]);
  pack.values[1] = alone.values[1];
  const auto ours = differentiate_lru(
      pack, [](const LruScanInputs& in) { return lru_scan(in).narrow(0, 17, 45); });
  const auto expected = differentiate_lru(alone, lru_scan);
  EXPECT_TRUE(torch::equal(ours[0], expected[0]));
  EXPECT_TRUE(torch::equal(ours[1].narrow(0, 17, 45), expected[1]));
  EXPECT_TRUE(torch::equal(ours[2], expected[2]));
}

TEST(LruScan, SameInputSameBits) {
  const LruCase c = make_lru_case({90, 200, 33, 7, 150}, 130, torch::kFloat);
  expect_same_bits(differentiate_lru(c, lru_scan), differentiate_lru(c, lru_scan));
}

TEST(LruScan, DoesNotDependOnTheNumberOfThreads) {
  const LruCase c = make_lru_case({90, 200, 33, 7, 150}, 130, torch::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = differentiate_lru(c, lru_scan);
  at::set_num_threads(3);
  const auto three = differentiate_lru(c, lru_scan);
  at::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(three[0], one[0]));
  EXPECT_TRUE(torch::equal(three[1], one[1]));
  expect_close(three, one, 2e-6);  // Gradients of lambda are summed in another order.
}

TEST(LruScan, GoesOnFromAState) {
  const std::vector<int> lengths{70, 0, 41};
  const LruCase c = make_lru_case(lengths, 70, torch::kFloat);
  const Tensor whole = lru_scan(c.inputs());
  Tensor end = torch::zeros({3, 140});
  EXPECT_TRUE(torch::equal(lru_scan_from(c.inputs(), end), whole));
  EXPECT_TRUE(torch::equal(end[0], whole[69]));
  EXPECT_TRUE(torch::equal(end[1], torch::zeros({140})));
  EXPECT_TRUE(torch::equal(end[2], whole[110]));
  for (const int step : {1, 40}) {
    for (const size_t s : {0, 2}) {
      Tensor state = torch::zeros({140, 1}).t();  // Not contiguous.
      for (int first = 0; first < lengths[s]; first += step) {
        const int count = std::min(step, lengths[s] - first);
        const int token = c.offsets_S1[static_cast<int64_t>(s)].item<int>() + first;
        const Tensor x = c.values[0].narrow(0, token, count);
        EXPECT_TRUE(torch::equal(lru_scan_from({x, c.values[1], offsets_of({count})}, state),
                                 whole.narrow(0, token, count)));
      }
      EXPECT_TRUE(torch::equal(state[0], end[static_cast<int64_t>(s)]));
    }
  }
}

TEST(LruScan, TheLastStatesAloneAreTheSame) {
  const LruCase c = make_lru_case({70, 0, 41, 1}, 70, torch::kFloat);
  Tensor end = torch::zeros({4, 140});
  lru_scan_from(c.inputs(), end);
  EXPECT_TRUE(torch::equal(lru_scan_last(c.inputs()), end));
}

TEST(LruScan, TakesAnEmptyPackAndViews) {
  const auto results = differentiate_lru(make_lru_case({0, 0}, 4, torch::kFloat), lru_scan);
  EXPECT_EQ(results[0].sizes(), (std::vector<int64_t>{0, 8}));
  EXPECT_TRUE(torch::equal(results[2], torch::zeros({2, 4})));
  LruCase views = make_lru_case({9, 5}, 4, torch::kDouble);
  views.values[0] = views.values[0].t().contiguous().t();
  expect_like_lru_reference(views);
}

TEST(LruScan, PassesNotANumberOn) {
  const LruCase c = make_lru_case({3}, 8, torch::kFloat);
  c.values[0][1][2] = std::nanf("");
  const Tensor h = lru_scan(c.inputs());
  EXPECT_FALSE(h[0].isnan().any().item<bool>());
  EXPECT_TRUE(h[2][2].isnan().item<bool>());
}

TEST(LruScan, RefusesWhatDoesNotFit) {
  const LruCase c = make_lru_case({4, 6}, 8, torch::kFloat);
  const auto refused = [&](const Tensor& x, const Tensor& lambda, const Tensor& offsets,
                           const std::string& word) {
    expect_error([&] { lru_scan({x, lambda, offsets}); }, {"lru_scan", word});
  };
  const Tensor &x = c.values[0], &lambda = c.values[1];
  refused(x.narrow(1, 0, 15), lambda, c.offsets_S1, "x must have shape [*, 16]");
  refused(x, lambda[0], c.offsets_S1, "lambda must have shape [2, *]");
  refused(x, torch::zeros({2, 0}), c.offsets_S1, "lambda must have channels");
  refused(x, lambda.to(torch::kDouble), c.offsets_S1, "dtype");
  refused(x.to(torch::kHalf), lambda.to(torch::kHalf), c.offsets_S1, "takes float");
  refused(x, lambda, torch::tensor({0, 4}, torch::kInt), "offsets");
  Tensor state = torch::zeros({1, 16});
  expect_error([&] { lru_scan_from(c.inputs(), state); }, {"lru_scan", "state must"});
}

}  // namespace lru_scan_cpu_test
}  // namespace seqsweep
