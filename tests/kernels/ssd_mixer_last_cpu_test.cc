#include "kernels/ssd_mixer_last_cpu.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/ssd_mixer_last.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace ssd_mixer_last_cpu_test {

using torch::Tensor;

struct MixerShape {
  std::vector<int> lengths;
  int64_t width = 64, heads = 2, head_width = 64, groups = 1, state = 64, conv = 4;
  int64_t directions = 1, delay = 0, norm_groups = 1;
  ConvSpan span = ConvSpan::Causal;
  GateOrder order = GateOrder::GateFirst;
};

MixerShape as_hydra(MixerShape shape) {
  shape.conv = 7;
  shape.directions = 2;
  shape.delay = 1;
  shape.span = ConvSpan::Centred;
  shape.order = GateOrder::NormFirst;
  return shape;
}

// x, then the weights.
Tensors draw_mixer(const MixerShape& shape) {
  torch::manual_seed(1);
  const int64_t inner = shape.heads * shape.head_width, width = shape.width;
  const int64_t channels = inner + 2 * shape.directions * shape.groups * shape.state;
  const auto random = [](at::IntArrayRef sizes) { return torch::randn(sizes); };
  return {random({offsets_of(shape.lengths)[-1].item<int>(), width}),
          random({inner + channels + shape.directions * shape.heads, width}) / 8,
          random({channels, shape.conv}) / 2,
          random({channels}),
          random({shape.heads}) - 2,
          random({shape.heads}),
          random({shape.heads}),
          random({shape.heads, inner}) / 8,
          random({inner}),
          random({width, inner}) / 8};
}

SsdMixerWeights weights_of(const MixerShape& shape, const Tensors& t) {
  return {.in_proj = t[1],
          .conv_weight_CK = t[2],
          .conv_bias_C = t[3],
          .dt_bias_H = t[4],
          .A_log_H = t[5],
          .D_H = t[6],
          .fc_D_HE = shape.directions == 2 ? t[7] : Tensor(),
          .norm_weight_E = t[8],
          .out_proj_DE = t[9],
          .head_width = shape.head_width,
          .groups = shape.groups,
          .state = shape.state,
          .delay = shape.delay,
          .span = shape.span,
          .order = shape.order,
          .norm_groups = shape.norm_groups};
}

Tensor infer(const MixerShape& shape, const Tensors& t) {
  const torch::NoGradGuard no_grad;
  return ssd_mixer_last(t[0], offsets_of(shape.lengths), weights_of(shape, t));
}

// The parts compute in float64.
void expect_like_parts(const MixerShape& shape) {
  const Tensors mixer = draw_mixer(shape), wide = to(mixer, torch::kDouble);
  const Tensor plain =
      ssd_mixer_last_by_parts(wide[0], offsets_of(shape.lengths), weights_of(shape, wide));
  expect_close({infer(shape, mixer)}, {plain}, 1e-5);
}

TEST(SsdMixerLast, OnePassAgreesWithTheParts) {
  const std::vector<int> lengths(kOddLengths.begin() + 1, kOddLengths.end());
  expect_like_parts({.lengths = lengths});
  expect_like_parts(as_hydra({.lengths = lengths}));
  MixerShape odd{.lengths = lengths,
                 .width = 10,
                 .heads = 4,
                 .head_width = 3,
                 .groups = 2,
                 .state = 5,
                 .norm_groups = 2};
  for (const int64_t conv : {1, 5, 19}) {
    for (MixerShape shape : {odd, as_hydra(odd)}) {
      shape.conv = conv;
      expect_like_parts(shape);
    }
  }
}

TEST(SsdMixerLast, WithGradientItIsMadeOfItsParts) {
  const MixerShape shape = as_hydra({.lengths = {5, 1, 9}, .head_width = 4, .state = 3});
  const auto run = [&](const auto& op) {
    return with_gradients(
        [&](const Tensors& t) { return op(t[0], offsets_of(shape.lengths), weights_of(shape, t)); },
        draw_mixer(shape));
  };
  expect_same_bits(run(ssd_mixer_last), run(ssd_mixer_last_by_parts));
}

TEST(SsdMixerLast, NeitherNeighboursNorThreadsChangeABit) {
  MixerShape shape = as_hydra({});
  for (int i = 0; i < 30; ++i) shape.lengths.push_back(1 + i * 7 % 53);
  const Tensors mixer = draw_mixer(shape);
  const Tensor together = infer(shape, mixer);
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    EXPECT_TRUE(torch::equal(infer(shape, mixer), together));
  }
  at::set_num_threads(threads);
  const Tensor offsets = offsets_of(shape.lengths);
  for (const int64_t s : {0, 4, 29}) {
    MixerShape alone = shape;
    alone.lengths = {shape.lengths[s]};
    Tensors of_one = mixer;
    of_one[0] = mixer[0].narrow(0, offsets[s].item<int>(), shape.lengths[s]);
    EXPECT_TRUE(torch::equal(infer(alone, of_one)[0], together[s]));
  }
}

// Of a single token with a delay only its own x counts: B, C and dt do not.
TEST(SsdMixerLast, WhereNoTokenIsLeftToReadNothingIs) {
  const MixerShape shape = as_hydra({.lengths = {1}});
  Tensors mixer = draw_mixer(shape);
  const Tensor before = infer(shape, mixer);
  mixer[1] = mixer[1].clone();
  mixer[1].narrow(0, 256, mixer[1].size(0) - 256).fill_(7);
  EXPECT_TRUE(torch::equal(infer(shape, mixer), before));
  EXPECT_GT(before.abs().max().item<double>(), 0);
}

TEST(SsdMixerLast, WhatDoesNotFitNamesTheTensor) {
  const MixerShape shape{.lengths = {5}};
  const auto expect = [&](const auto& spoil, const std::string& words) {
    const Tensors mixer = draw_mixer(shape);
    SsdMixerWeights weights = weights_of(shape, mixer);
    spoil(weights);
    expect_error([&] { ssd_mixer_last(mixer[0], offsets_of({5}), weights); }, {words});
  };
  using Weights = SsdMixerWeights;
  expect([](Weights& w) { w.in_proj = w.in_proj.narrow(0, 0, 9); },
         "ssd_mixer_last: in_proj must have shape [386, 64]");
  expect([](Weights& w) { w.head_width = 63; }, "256 channels are not 2 heads of 63");
  expect([](Weights& w) { w.groups = 4; }, "4 groups of 64");
  expect([](Weights& w) { w.span = ConvSpan::Centred; }, "odd where centred; it is 4");
  expect([](Weights& w) { w.A_log_H = w.A_log_H.to(torch::kDouble); },
         "tensors must share device and dtype");
}

}  // namespace ssd_mixer_last_cpu_test
}  // namespace seqsweep
