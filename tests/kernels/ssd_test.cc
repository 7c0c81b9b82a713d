#include "kernels/ssd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"
#include "tests/support/gradcheck.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace ssd_test {

using torch::Tensor;

struct Shape {
  int64_t heads = 4, width = 16, groups = 2, state = 16;
};

// x, dt, A, B, C, D, dt_bias.
const std::vector<std::string> kNames{"x", "dt", "A", "B", "C", "D", "dt_bias"};

Tensors make_inputs(int64_t tokens, const Shape& shape) {
  torch::manual_seed(5);
  const auto rows = [&](at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); };
  return {rows({tokens, shape.heads, shape.width}),
          rows({tokens, shape.heads}) - 2,
          -rows({shape.heads}).exp(),
          rows({tokens, shape.groups, shape.state}),
          rows({tokens, shape.groups, shape.state}),
          rows({shape.heads}),
          rows({shape.heads})};
}

SsdInputs as_inputs(const Tensors& in, const Tensor& offsets) {
  return {in[0], in[1], in[2], in[3], in[4], in[5], in[6], offsets};
}

Tensors run(const Tensors& inputs, const Tensor& offsets, const Tensor& weights = {}) {
  return with_gradients([&](const Tensors& in) { return ssd(as_inputs(in, offsets)); }, inputs,
                        weights);
}

// In float64, and in float32 compared with float64.
void expect_like_reference(const std::vector<int>& lengths, const Shape& shape) {
  const Tensor offsets = offsets_of(lengths);
  const Tensors inputs = make_inputs(offsets[-1].item<int>(), shape);
  const Tensors plain = with_gradients(
      [&](const Tensors& in) { return ssd_reference(as_inputs(in, offsets)); }, inputs);
  expect_close(run(inputs, offsets), plain, 1e-11);
  const Tensors rounded = to(inputs, torch::kFloat);
  const Tensors plain_of_rounded =
      with_gradients([&](const Tensors& in) { return ssd_reference(as_inputs(in, offsets)); },
                     to(rounded, torch::kDouble));
  expect_close(run(rounded, offsets), plain_of_rounded, 1e-5);
}

TEST(Ssd, AgreesWithTheGoldenValues) {
  const nlohmann::json golden = read_golden("state_space_operators");
  const Tensor offsets = offsets_of(golden["lengths"].get<std::vector<int>>());
  for (const nlohmann::json& expected : golden["ssd"]) {
    Tensors inputs, results{to_tensor(expected["output"])};
    for (const std::string& name : kNames) {
      inputs.push_back(to_tensor(expected["inputs"][name]));
      results.push_back(to_tensor(expected["gradients"][name]));
    }
    const Tensor weights = to_tensor(expected["output_gradient"]);
    expect_close(run(inputs, offsets, weights), results, 1e-11);
    expect_close(run(to(inputs, torch::kFloat), offsets, weights), results, 1e-5);
    Tensor state = torch::zeros(to_tensor(expected["final_state"]).sizes(), torch::kDouble);
    const Tensor y = ssd_from(as_inputs(inputs, offsets), state);
    expect_close({y, state}, {results[0], to_tensor(expected["final_state"])}, 1e-11);
  }
}

TEST(Ssd, AgreesWithTheReferenceForAllLengths) {
  expect_like_reference({1, 2, 31, 32, 33, 63, 64, 65, 0, 127, 128, 129, 200}, {});
  expect_like_reference({1000}, {.heads = 2});
}

TEST(Ssd, AgreesWithTheReferenceForOddShapes) {
  expect_like_reference({5, 70, 0, 1}, {.heads = 1, .width = 1, .groups = 1, .state = 1});
  expect_like_reference({5, 70}, {.heads = 6, .width = 5, .groups = 3, .state = 7});
  expect_like_reference({90}, {.heads = 24, .width = 20, .groups = 1, .state = 33});
  expect_like_reference({80, 40}, {.heads = 2, .width = 64, .groups = 1, .state = 64});
}

TEST(Ssd, GradientsMatchFiniteDifferences) {
  const Tensor offsets = offsets_of({4, 1, 70});
  const Tensors inputs = make_inputs(75, {.heads = 2, .width = 2, .groups = 1, .state = 3});
  expect_gradients([&](const Tensors& in) { return ssd(as_inputs(in, offsets)); }, inputs, 1e-6);
}

TEST(Ssd, TakesStridedViews) {
  const Shape shape;
  const Tensor offsets = offsets_of({40, 90});
  const Tensors dense = make_inputs(130, shape);
  const int64_t bc = shape.groups * shape.state;
  const std::vector<int64_t> parts{shape.heads * shape.width, bc, bc, shape.heads};
  const Tensor joined =
      torch::cat({dense[0].flatten(1), dense[3].flatten(1), dense[4].flatten(1), dense[1]}, 1);
  const auto of_slices = [&](const Tensor& rows, const Tensors& in) {
    const Tensors slices = rows.split_with_sizes(parts, 1);
    return ssd({slices[0].view({130, shape.heads, shape.width}), slices[3], in[0],
                slices[1].view({130, shape.groups, shape.state}),
                slices[2].view({130, shape.groups, shape.state}), in[1], in[2], offsets});
  };
  const Tensors ours = with_gradients([&](const Tensors& in) { return of_slices(in[3], in); },
                                      {dense[2], dense[5], dense[6], joined});
  const Tensors plain = run(dense, offsets);
  expect_same_bits({ours[0], ours[1], ours[2], ours[3]}, {plain[0], plain[3], plain[6], plain[7]});
  expect_same_bits(
      {ours[4]},
      {torch::cat({plain[1].flatten(1), plain[4].flatten(1), plain[5].flatten(1), plain[2]}, 1)});
  // Not even the inner dimension has to be contiguous.
  Tensors turned = dense;
  turned[0] = dense[0].transpose(1, 2).contiguous().transpose(1, 2);
  turned[3] = dense[3].transpose(1, 2).contiguous().transpose(1, 2);
  expect_same_bits({ssd(as_inputs(turned, offsets))}, {plain[0]});
}

TEST(Ssd, ASequenceDoesNotSeeTheOthers) {
  const Tensors all = to(make_inputs(17 + 80 + 5, {}), torch::kFloat);
  Tensors alone = all;
  for (const size_t i : {0, 1, 3, 4}) alone[i] = all[i].narrow(0, 17, 80);
  EXPECT_TRUE(torch::equal(ssd(as_inputs(all, offsets_of({17, 80, 5}))).narrow(0, 17, 80),
                           ssd(as_inputs(alone, offsets_of({80})))));
}

TEST(Ssd, SameInputSameBits) {
  for (const int64_t groups : {1, 2}) {
    const Tensors inputs = to(make_inputs(290, {.groups = groups}), torch::kFloat);
    const Tensor offsets = offsets_of({200, 90});
    expect_same_bits(run(inputs, offsets), run(inputs, offsets));
  }
}

TEST(Ssd, SurvivesFastDecayAndLargeSteps) {
  const Tensor offsets = offsets_of({150});
  Tensors inputs = make_inputs(150, {});
  inputs[1].mul_(20);
  inputs[2].mul_(30);
  const Tensors plain = with_gradients(
      [&](const Tensors& in) { return ssd_reference(as_inputs(in, offsets)); }, inputs);
  expect_close(run(inputs, offsets), plain, 1e-10);
  for (const Tensor& result : run(to(inputs, torch::kFloat), offsets)) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
}

TEST(Ssd, NoTokensGiveNothing) {
  const Tensors inputs = make_inputs(0, {});
  const Tensors results = run(inputs, offsets_of({}));
  EXPECT_EQ(results[0].sizes(), inputs[0].sizes());
  EXPECT_TRUE(torch::equal(results[3], torch::zeros({4}, torch::kDouble)));
  EXPECT_EQ(run(inputs, offsets_of({0, 0}))[0].numel(), 0);
}

// Three sequences, each cut into pieces at other places; one piece is empty.
TEST(SsdFrom, InPiecesEqualsTheWhole) {
  const Shape shape;
  const std::vector<int> lengths{100, 3, 70};
  const Tensors in = make_inputs(173, shape);
  const Tensor whole = ssd(as_inputs(in, offsets_of(lengths)));
  Tensor state = torch::zeros({3, shape.heads, shape.width, shape.state}, torch::kDouble);
  std::vector<int> done{0, 100, 103};
  const std::vector<std::vector<int>> parts{{65, 1, 34}, {3, 0, 0}, {34, 1, 35}};  // [s][part]
  for (size_t part = 0; part < 3; ++part) {
    Tensors rows;
    std::vector<int> part_lengths;
    for (size_t s = 0; s < 3; ++s) {
      part_lengths.push_back(parts[s][part]);
      rows.push_back(torch::arange(done[s], done[s] + parts[s][part]));
      done[s] += parts[s][part];
    }
    const Tensor tokens = torch::cat(rows);
    Tensors taken = in;
    for (const size_t i : {0, 1, 3, 4}) taken[i] = in[i].index_select(0, tokens);
    const Tensor y = ssd_from(as_inputs(taken, offsets_of(part_lengths)), state);
    expect_close({y}, {whole.index_select(0, tokens)}, 1e-11);
  }
}

TEST(SsdFrom, AnEmptySequenceKeepsItsStateAndAViewIsWritten) {
  const Tensors in = make_inputs(3, {});
  const Tensor users = torch::randn({4, 2, 16, 4, 16}, torch::kDouble);
  Tensor state = users.narrow(1, 0, 1).squeeze(1).transpose(1, 2);  // [4, 4, 16, 16], strided.
  const Tensor before = state.clone();
  Tensor dense = before.clone();
  const Tensor offsets = offsets_of({1, 0, 2, 0});
  const Tensor y = ssd_from(as_inputs(in, offsets), state);
  EXPECT_TRUE(torch::equal(y, ssd_from(as_inputs(in, offsets), dense)));
  EXPECT_TRUE(torch::equal(users.narrow(1, 0, 1).squeeze(1).transpose(1, 2), dense));
  EXPECT_TRUE(torch::equal(state[1], before[1]));
  EXPECT_TRUE(torch::equal(state[3], before[3]));
  EXPECT_FALSE(torch::equal(state[0], before[0]));
  EXPECT_FALSE(torch::equal(state[2], before[2]));
}

TEST(SsdFrom, RefusesAStateThatDoesNotFit) {
  const Tensors in = make_inputs(3, {});
  Tensor state = torch::zeros({2, 4, 16, 16}, torch::kDouble);
  EXPECT_THAT(error_of([&] { ssd_from(as_inputs(in, offsets_of({3})), state); }),
              testing::HasSubstr("ssd_from: state must have shape [1, 4, 16, 16]"));
}

}  // namespace ssd_test
}  // namespace seqsweep
