// Gradients against central differences, in float64.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <functional>
#include <vector>

namespace seqsweep {

// f maps the inputs (float64) to a tensor; every input's gradient of a fixed weighted sum of f is
// compared element by element. Smooth f only.
inline void expect_gradients(
    const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& f,
    const std::vector<torch::Tensor>& inputs, double tolerance = 1e-7) {
  constexpr double kStep = 1e-5;
  std::vector<torch::Tensor> leaves;
  for (const torch::Tensor& input : inputs) {
    leaves.push_back(input.detach().clone().requires_grad_());
  }
  const torch::Tensor out = f(leaves);
  const torch::Tensor weights =
      torch::cos(torch::arange(out.numel(), out.options().requires_grad(false)) + 1)
          .view(out.sizes());
  (out * weights).sum().backward();
  const torch::NoGradGuard no_grad;
  const auto weighted = [&] { return (f(leaves) * weights).sum().item<double>(); };
  for (size_t i = 0; i < leaves.size(); ++i) {
    ASSERT_TRUE(leaves[i].grad().defined()) << "input " << i << " has no gradient";
    const torch::Tensor gradient = leaves[i].grad().contiguous();
    double* x = leaves[i].data_ptr<double>();
    for (int64_t j = 0; j < leaves[i].numel(); ++j) {
      const double kept = x[j];
      x[j] = kept + kStep;
      const double above = weighted();
      x[j] = kept - kStep;
      const double below = weighted();
      x[j] = kept;
      ASSERT_NEAR(gradient.data_ptr<double>()[j], (above - below) / (2 * kStep), tolerance)
          << "input " << i << ", element " << j;
    }
  }
}

}  // namespace seqsweep
