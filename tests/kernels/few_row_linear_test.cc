#include "kernels/few_row_linear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace seqsweep {
namespace {

using torch::Tensor;

constexpr std::pair<int64_t, int64_t> kShapes[] = {{1, 1},   {3, 5},   {16, 32},
                                                   {33, 31}, {70, 96}, {2500, 130}};

// Row by row, then column by column.
std::vector<Tensor> weights_of(int64_t outputs, int64_t inputs) {
  return {torch::randn({outputs, inputs}), torch::randn({inputs, outputs}).t()};
}

TEST(FewRowLinear, EqualsTheLinearLayer) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const auto& [outputs, inputs] : kShapes) {
    for (const Tensor& weight : weights_of(outputs, inputs)) {
      for (int64_t rows = 0; rows <= kFewRowsOfFloat + 1; ++rows) {
        const Tensor x = torch::randn({rows, inputs});
        for (const Tensor& bias : {Tensor(), torch::randn({outputs})}) {
          const Tensor y = few_row_linear(x, weight, bias);
          EXPECT_EQ(y.sizes(), (torch::IntArrayRef{rows, outputs}));
          EXPECT_TRUE(torch::allclose(y, torch::linear(x, weight, bias), 1e-4, 1e-5))
              << outputs << " " << inputs << " " << rows;
        }
      }
    }
  }
}

TEST(FewRowLinear, ThreadsDoNotChangeTheBits) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({3, 130});
  for (const Tensor& weight : weights_of(2500, 130)) {
    const int threads = at::get_num_threads();
    std::vector<Tensor> with_threads;
    for (const int count : {1, 2, 3}) {
      at::set_num_threads(count);
      with_threads.push_back(few_row_linear(x, weight, {}));
    }
    at::set_num_threads(threads);
    EXPECT_TRUE(torch::equal(with_threads[1], with_threads[0]));
    EXPECT_TRUE(torch::equal(with_threads[2], with_threads[0]));
  }
}

TEST(FewRowLinear, WhatWantsAGradientGetsIt) {
  torch::manual_seed(3);
  for (int wanted = 0; wanted < 3; ++wanted) {
    Tensor inputs[] = {torch::randn({2, 5}), torch::randn({7, 5}), torch::randn({7})};
    inputs[wanted].requires_grad_();
    few_row_linear(inputs[0], inputs[1], inputs[2]).sum().backward();
    const Tensor gradient = inputs[wanted].grad().clone();
    inputs[wanted].mutable_grad().reset();
    torch::linear(inputs[0], inputs[1], inputs[2]).sum().backward();
    EXPECT_TRUE(torch::equal(gradient, inputs[wanted].grad()));
  }
}

TEST(FewRowLinear, OtherNumbersAreATensLinearLayers) {
  torch::manual_seed(4);
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({2, 5}, torch::kDouble),
               weight = torch::randn({7, 5}, torch::kDouble);
  EXPECT_TRUE(torch::equal(few_row_linear(x, weight, {}), torch::linear(x, weight)));
  const Tensor every_second = torch::randn({7, 10}).slice(1, 0, 10, 2), y = torch::randn({2, 5});
  EXPECT_TRUE(torch::allclose(few_row_linear(y, every_second, {}), torch::linear(y, every_second)));
  EXPECT_THROW(few_row_linear(y, torch::randn({7, 6}), {}), c10::Error);
}

}  // namespace
}  // namespace seqsweep
