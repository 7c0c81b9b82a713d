#include "kernels/norm_and_feed_forward_cpu.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/norm_and_feed_forward.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace norm_and_feed_forward_cpu_test {

using torch::Tensor;

Tensors draw_layer(int64_t width, int64_t inner) {
  torch::manual_seed(1);
  const auto random = [](at::IntArrayRef sizes) { return torch::randn(sizes); };
  return {random({width}),
          random({width}),
          random({inner, width}) / 8,
          random({inner}),
          random({width, inner}) / 8,
          random({width}),
          random({width}),
          random({width})};
}

NormAndFeedForward layer_of(const Tensors& t) {
  return {.first_norm_weight = t[0],
          .first_norm_bias = t[1],
          .up_weight = t[2],
          .up_bias = t[3],
          .down_weight = t[4],
          .down_bias = t[5],
          .second_norm_weight = t[6],
          .second_norm_bias = t[7]};
}

// The reference computes in float64.
TEST(NormAndFeedForward, AgreesWithTheReference) {
  for (const auto& [width, inner] : {std::pair<int64_t, int64_t>{64, 256}, {8, 32}, {5, 7}}) {
    const Tensors layer = draw_layer(width, inner);
    for (const int64_t rows : {0, 1, 15, 33, 200}) {
      const Tensor x = torch::randn({rows, width}), added = torch::randn({rows, width});
      const auto plain = [&](const Tensor& also) {
        return norm_and_feed_forward_reference(x.to(torch::kDouble), also,
                                               layer_of(to(layer, torch::kDouble)));
      };
      expect_close({norm_and_feed_forward(x, added, layer_of(layer)),
                    norm_and_feed_forward(x, {}, layer_of(layer))},
                   {plain(added.to(torch::kDouble)), plain({})}, 1e-5);
    }
  }
}

TEST(NormAndFeedForward, ARowsBitsDoNotDependOnTheOthers) {
  const NormAndFeedForward layer = layer_of(draw_layer(64, 256));
  const Tensor x = torch::randn({300, 64}), added = torch::randn({300, 64});
  const Tensor together = norm_and_feed_forward(x, added, layer);
  for (const int64_t row : {0, 31, 299}) {
    const Tensor alone = norm_and_feed_forward(x.narrow(0, row, 1), added.narrow(0, row, 1), layer);
    EXPECT_TRUE(torch::equal(alone[0], together[row]));
  }
}

TEST(NormAndFeedForward, WhatDoesNotFitIsNamed) {
  NormAndFeedForward layer = layer_of(draw_layer(8, 32));
  const Tensor x = torch::randn({2, 8});
  expect_error([&] { norm_and_feed_forward(x.to(torch::kDouble), {}, layer); },
               {"takes float; it got Double"});
  expect_error([&] { norm_and_feed_forward(x, x.narrow(0, 0, 1), layer); },
               {"added must have shape [2, 8]"});
  layer.down_weight = layer.up_weight;
  expect_error([&] { norm_and_feed_forward(x, {}, layer); },
               {"norm_and_feed_forward: down_weight must have shape [8, 32]"});
}

}  // namespace norm_and_feed_forward_cpu_test
}  // namespace seqsweep
