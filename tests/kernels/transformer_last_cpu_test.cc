#include "kernels/transformer_last_cpu.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/transformer_last.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace transformer_last_cpu_test {

using torch::Tensor;

struct TransformerShape {
  std::vector<int> lengths;
  int64_t blocks = 2, width = 64, heads = 2, inner_width = 256;
  double sharpness = 1;  // Of the attention.
};

constexpr int64_t kItems = 50, kPositions = 200;

// In the order in which draw_inputs() lays them out.
TransformerLastInputs inputs_of(const TransformerShape& shape, const Tensors& numbers) {
  std::vector<int64_t> positions;
  for (const int length : shape.lengths) {
    for (int i = 0; i < length; ++i) positions.push_back(i);
  }
  const Tensor position_of = torch::tensor(positions, torch::kLong);
  auto next = numbers.begin();
  TransformerLastInputs in{.embed = {.table_VD = *next++,
                                     .positions_LD = *next++,
                                     .weight_D = *next++,
                                     .bias_D = *next++},
                           .blocks = {},
                           .offsets_S1 = offsets_of(shape.lengths),
                           .heads = shape.heads};
  in.embed.items_T = (position_of * 17 + 3) % kItems;
  in.embed.positions_T = position_of;
  for (int64_t i = 0; i < shape.blocks; ++i) {
    TransformerBlock block;
    for (Tensor* tensor :
         {&block.qkv_weight, &block.qkv_bias, &block.mix_weight, &block.mix_bias,
          &block.rest.first_norm_weight, &block.rest.first_norm_bias, &block.rest.up_weight,
          &block.rest.up_bias, &block.rest.down_weight, &block.rest.down_bias,
          &block.rest.second_norm_weight, &block.rest.second_norm_bias}) {
      *tensor = *next++;
    }
    in.blocks.push_back(block);
  }
  return in;
}

Tensors draw_numbers(const TransformerShape& shape) {
  torch::manual_seed(1);
  const int64_t width = shape.width, inner = shape.inner_width;
  const auto random = [](at::IntArrayRef sizes) { return torch::randn(sizes); };
  const auto weight = [&](int64_t out, int64_t in) { return random({out, in}) / std::sqrt(in); };
  Tensors numbers{random({kItems, width}), random({kPositions, width}), random({width}),
                  random({width})};
  for (int64_t i = 0; i < shape.blocks; ++i) {
    for (const Tensor& tensor :
         {shape.sharpness * weight(3 * width, width), random({3 * width}), weight(width, width),
          random({width}), random({width}), random({width}), weight(inner, width), random({inner}),
          weight(width, inner), random({width}), random({width}), random({width})}) {
      numbers.push_back(tensor);
    }
  }
  return numbers;
}

// The reference computes in float64.
void expect_last_like_reference(const TransformerShape& shape) {
  const Tensors numbers = draw_numbers(shape);
  const Tensor plain = transformer_last_reference(inputs_of(shape, to(numbers, torch::kDouble)));
  expect_close({transformer_last(inputs_of(shape, numbers))}, {plain}, 2e-5);
}

TEST(TransformerLast, AgreesWithTheReference) {
  std::vector<int> lengths(kOddLengths.begin() + 1, kOddLengths.end());
  lengths.insert(lengths.end(), lengths.begin(), lengths.end());  // More than a panel has columns.
  expect_last_like_reference({.lengths = lengths});
  for (const int64_t blocks : {1, 3}) {
    expect_last_like_reference(
        {.lengths = lengths, .blocks = blocks, .width = 12, .heads = 4, .inner_width = 20});
  }
  expect_last_like_reference(
      {.lengths = {3, 40}, .width = 66, .heads = 6, .inner_width = 7, .sharpness = 4});
  expect_last_like_reference({.lengths = {1}, .width = 1, .heads = 1, .inner_width = 1});
}

TEST(TransformerLast, NeitherNeighboursNorThreadsChangeABit) {
  TransformerShape shape;
  for (int i = 0; i < 40; ++i) shape.lengths.push_back(1 + i * 7 % 53);
  const Tensors numbers = draw_numbers(shape);
  const Tensor together = transformer_last(inputs_of(shape, numbers));
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    EXPECT_TRUE(torch::equal(transformer_last(inputs_of(shape, numbers)), together));
  }
  at::set_num_threads(threads);
  for (const int64_t s : {0, 5, 39}) {
    TransformerShape alone = shape;
    alone.lengths = {shape.lengths[s]};
    EXPECT_TRUE(torch::equal(transformer_last(inputs_of(alone, numbers))[0], together[s]));
  }
}

// One sequence with each set of vectors.
TEST(TransformerLast, TheWidthOfTheVectorsChangesNoBit) {
  const TransformerShape shape{.lengths = {77}};
  const TransformerLastInputs in = inputs_of(shape, draw_numbers(shape));
  const Tensor used = transformer_last(in);
  const auto numbers = [](const Tensor& tensor) { return tensor.data_ptr<float>(); };
  TransformerNumbers plain{.embed = {.table = numbers(in.embed.table_VD),
                                     .positions = numbers(in.embed.positions_LD),
                                     .weight = numbers(in.embed.weight_D),
                                     .bias = numbers(in.embed.bias_D),
                                     .items = in.embed.items_T.data_ptr<int64_t>(),
                                     .position_of = in.embed.positions_T.data_ptr<int64_t>(),
                                     .width = shape.width,
                                     .eps = 1e-12F},
                           .blocks = {},
                           .width = shape.width,
                           .heads = shape.heads};
  const auto linear = [&](const Tensor& weight, const Tensor& bias) {
    return LinearNumbers{numbers(weight), numbers(bias), weight.size(0), weight.size(1)};
  };
  for (const TransformerBlock& block : in.blocks) {
    const NormAndFeedForward& rest = block.rest;
    plain.blocks.push_back({.qkv = linear(block.qkv_weight, block.qkv_bias),
                            .mix = linear(block.mix_weight, block.mix_bias),
                            .rest = {.first_norm_weight = numbers(rest.first_norm_weight),
                                     .first_norm_bias = numbers(rest.first_norm_bias),
                                     .up = linear(rest.up_weight, rest.up_bias),
                                     .down = linear(rest.down_weight, rest.down_bias),
                                     .second_norm_weight = numbers(rest.second_norm_weight),
                                     .second_norm_bias = numbers(rest.second_norm_bias),
                                     .eps = 1e-12F}});
  }
  for (const PanelOps& ops : all_panel_ops()) {
    const Tensor last = torch::empty_like(used);
    TransformerLastTask task(plain, ops, 77);
    task.add(0, 77);
    task.finish(last.data_ptr<float>());
    EXPECT_TRUE(torch::equal(last, used)) << ops.name;
  }
}

TEST(TransformerLast, TakesViewsAndNoSequences) {
  const TransformerShape shape{.lengths = {9}};
  Tensors numbers = draw_numbers(shape);
  const Tensor last = transformer_last(inputs_of(shape, numbers));
  for (Tensor& tensor : numbers) {
    if (tensor.dim() == 2) tensor = tensor.t().contiguous().t();
  }
  EXPECT_TRUE(torch::equal(transformer_last(inputs_of(shape, numbers)), last));
  EXPECT_EQ(transformer_last(inputs_of({.lengths = {}}, numbers)).size(0), 0);
}

TEST(TransformerLast, WhatDoesNotFitIsNamed) {
  const TransformerShape shape{.lengths = {2}};
  const auto expect = [&](const auto& spoil, const std::string& words) {
    TransformerLastInputs in = inputs_of(shape, draw_numbers(shape));
    spoil(in);
    expect_error([&] { transformer_last(in); }, {words});
  };
  using In = TransformerLastInputs;
  expect([](In& in) { in.heads = 3; }, "heads that divide the width, 64; got 2 and 3");
  expect([](In& in) { in.blocks.clear(); }, "needs a block at least");
  expect([](In& in) { in.offsets_S1 = offsets_of({3}); }, "offsets must rise");
  expect([](In& in) { in.embed.table_VD = in.embed.table_VD.to(torch::kDouble); },
         "takes float on the CPU");
  expect([](In& in) { in.blocks[1].mix_weight = in.blocks[1].qkv_weight; },
         "transformer_last: mix_weight must have shape [64, 64]");
  expect([](In& in) { in.blocks[1].rest.up_weight = in.blocks[1].qkv_weight; },
         "transformer_last: up_weight must have shape [256, 64]");
}

}  // namespace transformer_last_cpu_test
}  // namespace seqsweep
