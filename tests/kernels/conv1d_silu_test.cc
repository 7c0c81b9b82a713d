#include "kernels/conv1d_silu.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/golden.h"
#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace conv1d_silu_test {

using torch::Tensor;

struct Case {
  std::vector<Tensor> values;  // x, weight, bias
  Tensor offsets_S1;
  ConvSpan span = ConvSpan::Causal;
};

Case make_case(const std::vector<int>& lengths, int64_t channels, int64_t width, ConvSpan span,
               torch::ScalarType dtype) {
  torch::manual_seed(7);
  const Tensor offsets = offsets_of(lengths);
  return {{torch::randn({offsets[-1].item<int>(), channels}, dtype),
           torch::randn({channels, width}, dtype), torch::randn({channels}, dtype)},
          offsets,
          span};
}

Tensor convolve(const Case& c) {
  return conv1d_silu(c.values[0], c.values[1], c.values[2], c.offsets_S1, c.span);
}

std::vector<Tensor> differentiate_case(const Case& c, decltype(conv1d_silu)* op) {
  return with_gradients(
      [&](const std::vector<Tensor>& v) { return op(v[0], v[1], v[2], c.offsets_S1, c.span); },
      c.values);
}

void expect_like_reference(const Case& c) {
  const double tolerance = c.values[0].scalar_type() == torch::kFloat ? 1e-5 : 1e-13;
  expect_close(differentiate_case(c, conv1d_silu), differentiate_case(c, conv1d_silu_reference),
               tolerance);
}

void expect_golden(const std::string& key, ConvSpan span) {
  const auto golden = read_golden("state_space_operators");
  const auto& conv = golden.at(key);
  const Tensor offsets = offsets_of(golden.at("lengths").get<std::vector<int>>());
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    const double tolerance = dtype == torch::kFloat ? 1e-5 : 1e-12;
    std::vector<Tensor> leaves;
    for (const char* name : {"x", "weight", "bias"}) {
      leaves.push_back(to_tensor(conv.at("inputs").at(name)).to(dtype).requires_grad_());
    }
    const Tensor y = conv1d_silu(leaves[0], leaves[1], leaves[2], offsets, span);
    y.backward(to_tensor(conv.at("output_gradient")).to(dtype));
    const auto& gradients = conv.at("gradients");
    expect_close({y.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()},
                 {to_tensor(conv.at("output")), to_tensor(gradients.at("x")),
                  to_tensor(gradients.at("weight")), to_tensor(gradients.at("bias"))},
                 tolerance);
  }
}

TEST(Conv1dSilu, AgreesWithTheGoldenValues) {
  expect_golden("causal_conv1d_silu", ConvSpan::Causal);
  expect_golden("centred_conv1d_silu", ConvSpan::Centred);
}

TEST(Conv1dSilu, AgreesWithTheReferenceForAllLengths) {
  std::vector<int> lengths = kOddLengths;
  lengths.push_back(1000);
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    expect_like_reference(make_case(lengths, 12, 4, ConvSpan::Causal, dtype));
    expect_like_reference(make_case(lengths, 12, 7, ConvSpan::Centred, dtype));
  }
}

TEST(Conv1dSilu, AgreesWithTheReferenceForOddChannelsAndWidths) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    for (const int64_t channels : {1, 3, 64, 65, 150}) {
      for (const int64_t width : {1, 2, 3, 9}) {
        expect_like_reference(make_case({5, 0, 40}, channels, width, ConvSpan::Causal, dtype));
        if (width % 2 == 0) continue;
        expect_like_reference(make_case({5, 0, 40}, channels, width, ConvSpan::Centred, dtype));
      }
    }
  }
}

TEST(Conv1dSilu, GradientsMatchFiniteDifferences) {
  for (const ConvSpan span : {ConvSpan::Causal, ConvSpan::Centred}) {
    const Case c = make_case({4, 1, 9}, 3, 5, span, torch::kDouble);
    expect_gradients(
        [&](const std::vector<Tensor>& v) {
          return conv1d_silu(v[0], v[1], v[2], c.offsets_S1, span);
        },
        c.values);
  }
}

TEST(Conv1dSilu, ASequenceDoesNotSeeTheOthers) {
  for (const ConvSpan span : {ConvSpan::Causal, ConvSpan::Centred}) {
    const Case alone = make_case({45}, 20, 5, span, torch::kFloat);
    Case pack = make_case({17, 45, 6}, 20, 5, span, torch::kFloat);
    pack.values = {pack.values[0], alone.values[1], alone.values[2]};
    pack.values[0].narrow(0, 17, 45).copy_(alone.values[0]);
    EXPECT_TRUE(torch::equal(convolve(pack).narrow(0, 17, 45), convolve(alone)));
  }
}

TEST(Conv1dSilu, SameInputSameBits) {
  const Case c = make_case({900, 200, 33, 7, 150}, 128, 4, ConvSpan::Causal, torch::kFloat);
  const auto once = differentiate_case(c, conv1d_silu), twice = differentiate_case(c, conv1d_silu);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(torch::equal(once[i], twice[i])) << i;
}

TEST(Conv1dSilu, TakesViewsOfLargerRows) {
  const Case c = make_case({5, 40}, 20, 4, ConvSpan::Causal, torch::kFloat);
  Case view = c;
  view.values[0] = torch::cat({c.values[0], c.values[0]}, 1).narrow(1, 20, 20);
  EXPECT_TRUE(torch::equal(convolve(view), convolve(c)));
  view.values[0] = c.values[0].t().contiguous().t();  // Numbers of a row lie apart.
  EXPECT_TRUE(torch::equal(convolve(view), convolve(c)));
  expect_like_reference(view);
}

TEST(Conv1dSilu, GoesOnFromATail) {
  const std::vector<int> lengths{70, 0, 41};
  const Case c = make_case(lengths, 70, 4, ConvSpan::Causal, torch::kFloat);
  const Tensor whole = convolve(c), x = c.values[0];
  Tensor end = torch::zeros({3, 3, 70});
  EXPECT_TRUE(
      torch::equal(conv1d_silu_from(x, c.values[1], c.values[2], c.offsets_S1, end), whole));
  EXPECT_TRUE(torch::equal(end[0], x.narrow(0, 67, 3)));
  EXPECT_TRUE(torch::equal(end[1], torch::zeros({3, 70})));
  for (const int step : {1, 2, 40}) {
    Tensor tail = torch::zeros({1, 70, 3}).transpose(1, 2);
    for (int first = 0; first < 70; first += step) {
      const int count = std::min(step, 70 - first);
      const Tensor y = conv1d_silu_from(x.narrow(0, first, count), c.values[1], c.values[2],
                                        offsets_of({count}), tail);
      EXPECT_TRUE(torch::equal(y, whole.narrow(0, first, count))) << first << " by " << step;
    }
    EXPECT_TRUE(torch::equal(tail[0], x.narrow(0, 67, 3)));
  }
}

TEST(Conv1dSilu, TakesAnEmptyPack) {
  const Case c = make_case({0, 0}, 4, 4, ConvSpan::Causal, torch::kFloat);
  const auto results = differentiate_case(c, conv1d_silu);
  EXPECT_EQ(results[0].sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_TRUE(torch::equal(results[2], torch::zeros({4, 4})));
}

TEST(Conv1dSilu, RefusesWhatDoesNotFit) {
  const Case c = make_case({4, 6}, 8, 4, ConvSpan::Causal, torch::kFloat);
  const Tensor &x = c.values[0], &weight = c.values[1], &bias = c.values[2];
  const auto refused = [&](const Tensor& x, const Tensor& weight, const Tensor& bias,
                           const Tensor& offsets, ConvSpan span, const std::string& word) {
    expect_error([&] { conv1d_silu(x, weight, bias, offsets, span); }, {"conv1d_silu", word});
  };
  refused(x[0], weight, bias, c.offsets_S1, c.span, "x must");
  refused(x, weight.narrow(0, 0, 4), bias, c.offsets_S1, c.span, "weight must");
  refused(x, weight, bias.narrow(0, 0, 4), c.offsets_S1, c.span, "bias must");
  refused(x, weight, bias.to(torch::kDouble), c.offsets_S1, c.span, "dtype");
  refused(x, weight, bias, offsets_of({4, 5}), c.span, "offsets");
  refused(x, weight, bias, c.offsets_S1, ConvSpan::Centred, "odd width");
  Tensor tail = torch::zeros({2, 4, 8});
  expect_error([&] { conv1d_silu_from(x, weight, bias, c.offsets_S1, tail); },
               {"conv1d_silu", "tail must"});
}

}  // namespace conv1d_silu_test
}  // namespace seqsweep
