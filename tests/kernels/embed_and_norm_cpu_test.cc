#include "kernels/embed_and_norm_cpu.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/embed_and_norm.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace embed_and_norm_cpu_test {

using torch::Tensor;

EmbedAndNormInputs draw_tokens(int64_t tokens, int64_t width) {
  torch::manual_seed(tokens);
  return {.table_VD = 0.02 * torch::randn({50, width}),
          .items_T = torch::randint(50, {tokens}, torch::kLong),
          .positions_LD = 0.02 * torch::randn({9, width}),
          .positions_T = torch::randint(9, {tokens}, torch::kLong),
          .weight_D = torch::randn({width}),
          .bias_D = torch::randn({width})};
}

EmbedAndNormInputs without_positions(EmbedAndNormInputs in) {
  in.positions_LD = in.positions_T = Tensor();
  return in;
}

EmbedAndNormInputs as_double(EmbedAndNormInputs in) {
  for (Tensor* tensor : {&in.table_VD, &in.positions_LD, &in.weight_D, &in.bias_D}) {
    if (tensor->defined()) *tensor = tensor->to(torch::kDouble);
  }
  return in;
}

TEST(EmbedAndNorm, AgreesWithTheReference) {
  for (const int64_t tokens : {0, 1, 15, 16, 17, 200}) {
    for (const int64_t width : {1, 7, 64}) {
      const EmbedAndNormInputs both = draw_tokens(tokens, width), items = without_positions(both);
      for (const EmbedAndNormInputs& in : {both, items}) {
        expect_close({embed_and_norm(in)}, {embed_and_norm_reference(as_double(in))}, 1e-5);
      }
    }
  }
}

TEST(EmbedAndNorm, ATokensBitsDoNotDependOnTheOthers) {
  const EmbedAndNormInputs all = draw_tokens(6000, 64);  // On several threads.
  const Tensor together = embed_and_norm(all);
  for (const int64_t t : {0, 77, 5999}) {
    EmbedAndNormInputs alone = all;
    alone.items_T = all.items_T.narrow(0, t, 1);
    alone.positions_T = all.positions_T.narrow(0, t, 1);
    EXPECT_TRUE(torch::equal(embed_and_norm(alone)[0], together[t]));
  }
}

TEST(EmbedAndNorm, WhatDoesNotFitIsNamed) {
  EmbedAndNormInputs in = draw_tokens(3, 8);
  in.items_T[1] = 50;
  expect_error([&] { embed_and_norm(in); }, {"items must be in [0, 50); one is 50"});
  in = draw_tokens(3, 8);
  in.positions_T = in.positions_T.narrow(0, 0, 2);
  expect_error([&] { embed_and_norm(in); }, {"positions must have shape [3]"});
  in = draw_tokens(3, 8);
  in.items_T = in.items_T.to(torch::kInt);
  expect_error([&] { embed_and_norm(in); }, {"items must be int64"});
  in = draw_tokens(3, 8);
  in.bias_D = in.bias_D.narrow(0, 0, 4);
  expect_error([&] { embed_and_norm(in); }, {"bias must have shape [8]"});
}

}  // namespace embed_and_norm_cpu_test
}  // namespace seqsweep
