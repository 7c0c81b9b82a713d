#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/ssd.h"
#include "tests/support/golden.h"
#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace bidirectional_ssd_test {

using torch::Tensor;

struct Shape {
  int64_t heads = 4, width = 16, groups = 2, state = 16;
};

const std::vector<std::string> kNames{"x",         "dt_forward", "dt_backward", "A",
                                      "B_forward", "C_forward",  "B_backward",  "C_backward",
                                      "dt_bias",   "diagonal"};

Tensors make_inputs(int64_t tokens, const Shape& shape) {
  torch::manual_seed(6);
  const auto rows = [&](at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); };
  Tensors in{rows({tokens, shape.heads, shape.width}), rows({tokens, shape.heads}) - 2,
             rows({tokens, shape.heads}) - 2, -rows({shape.heads}).exp()};
  for (int i = 0; i < 4; ++i) in.push_back(rows({tokens, shape.groups, shape.state}));
  in.push_back(rows({shape.heads}));
  in.push_back(rows({tokens, shape.heads}));
  return in;
}

BidirectionalSsdInputs as_inputs(const Tensors& in, const Tensor& offsets) {
  return {in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8], in[9], offsets};
}

Tensors run(const Tensors& inputs, const Tensor& offsets, const Tensor& weights = {}) {
  return with_gradients(
      [&](const Tensors& in) { return bidirectional_ssd(as_inputs(in, offsets)); }, inputs,
      weights);
}

Tensors run_plainly(const Tensors& inputs, const Tensor& offsets) {
  return with_gradients(
      [&](const Tensors& in) { return bidirectional_ssd_reference(as_inputs(in, offsets)); },
      inputs);
}

void expect_like_reference(const std::vector<int>& lengths, const Shape& shape) {
  const Tensor offsets = offsets_of(lengths);
  const Tensors inputs = make_inputs(offsets[-1].item<int>(), shape);
  expect_close(run(inputs, offsets), run_plainly(inputs, offsets), 1e-11);
  const Tensors rounded = to(inputs, torch::kFloat);
  expect_close(run(rounded, offsets), run_plainly(to(rounded, torch::kDouble), offsets), 1e-5);
}

TEST(BidirectionalSsd, AgreesWithTheGoldenValues) {
  const nlohmann::json golden = read_golden("hydra")["operator"];
  const Tensor offsets = offsets_of(golden["lengths"].get<std::vector<int>>());
  for (const nlohmann::json& expected : golden["cases"]) {
    Tensors inputs, results{to_tensor(expected["output"])};
    for (const std::string& name : kNames) {
      inputs.push_back(to_tensor(expected["inputs"][name]));
      results.push_back(to_tensor(expected["gradients"][name]));
    }
    const Tensor weights = to_tensor(expected["output_gradient"]);
    expect_close(run(inputs, offsets, weights), results, 1e-11);
    expect_close(run(to(inputs, torch::kFloat), offsets, weights), results, 1e-5);
    expect_close({bidirectional_ssd_reference(as_inputs(inputs, offsets))}, {results[0]}, 1e-11);
  }
}

TEST(BidirectionalSsd, AgreesWithTheReferenceForAllLengths) {
  expect_like_reference({1, 2, 3, 31, 32, 33, 63, 64, 65, 0, 66, 127, 128, 129, 200}, {});
  expect_like_reference({1000}, {.heads = 2});
}

TEST(BidirectionalSsd, AgreesWithTheReferenceForOddShapes) {
  expect_like_reference({5, 70, 0, 1}, {.heads = 1, .width = 1, .groups = 1, .state = 1});
  expect_like_reference({5, 70}, {.heads = 6, .width = 5, .groups = 3, .state = 7});
  expect_like_reference({90}, {.heads = 24, .width = 20, .groups = 1, .state = 33});
}

TEST(BidirectionalSsd, GradientsMatchFiniteDifferences) {
  const Tensor offsets = offsets_of({4, 1, 70});
  const Tensors inputs = make_inputs(75, {.heads = 2, .width = 2, .groups = 1, .state = 3});
  expect_gradients([&](const Tensors& in) { return bidirectional_ssd(as_inputs(in, offsets)); },
                   inputs, 1e-6);
}

// Read from the end with the directions exchanged it is the same matrix.
TEST(BidirectionalSsd, TheReversedSequenceGivesTheReversedResult) {
  const Tensors in = make_inputs(150, {});
  Tensors turned{in[0], in[2], in[1], in[3], in[6], in[7], in[4], in[5], in[8], in[9]};
  for (const size_t i : {0, 1, 2, 4, 5, 6, 7, 9}) turned[i] = turned[i].flip(0);
  const Tensor offsets = offsets_of({150});
  expect_close({bidirectional_ssd(as_inputs(turned, offsets)).flip(0)},
               {bidirectional_ssd(as_inputs(in, offsets))}, 1e-12);
}

TEST(BidirectionalSsd, TakesStridedViews) {
  const Tensor offsets = offsets_of({40, 90});
  const Tensors dense = make_inputs(130, {});
  Tensors views = dense;
  for (const size_t i : {0, 1, 2, 4, 5, 6, 7, 9}) {
    const Tensor wide = torch::cat({dense[i], dense[i]}, 1);
    views[i] = wide.narrow(1, 0, dense[i].size(1));
    ASSERT_FALSE(views[i].is_contiguous());
  }
  EXPECT_TRUE(torch::equal(bidirectional_ssd(as_inputs(views, offsets)),
                           bidirectional_ssd(as_inputs(dense, offsets))));
}

TEST(BidirectionalSsd, ASequenceDoesNotSeeTheOthers) {
  const Tensors all = to(make_inputs(17 + 80 + 5, {}), torch::kFloat);
  Tensors alone = all;
  for (const size_t i : {0, 1, 2, 4, 5, 6, 7, 9}) alone[i] = all[i].narrow(0, 17, 80);
  EXPECT_TRUE(
      torch::equal(bidirectional_ssd(as_inputs(all, offsets_of({17, 80, 5}))).narrow(0, 17, 80),
                   bidirectional_ssd(as_inputs(alone, offsets_of({80})))));
}

TEST(BidirectionalSsd, SameInputSameBits) {
  const Tensors inputs = to(make_inputs(290, {}), torch::kFloat);
  const Tensor offsets = offsets_of({200, 90});
  expect_same_bits(run(inputs, offsets), run(inputs, offsets));
}

TEST(BidirectionalSsd, NoTokensGiveNothing) {
  const Tensors inputs = make_inputs(0, {});
  EXPECT_EQ(run(inputs, offsets_of({0}))[0].sizes(), inputs[0].sizes());
}

}  // namespace bidirectional_ssd_test
}  // namespace seqsweep
