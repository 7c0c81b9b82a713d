// What the tests of the operators over packed sequences share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace seqsweep {

inline const std::vector<int> kOddLengths{0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200};

inline torch::Tensor offsets_of(const std::vector<int>& lengths) {
  std::vector<int> offsets{0};
  for (const int length : lengths) offsets.push_back(offsets.back() + length);
  return torch::tensor(offsets, torch::kInt);
}

// f of the values, then the gradients of a fixed weighted sum of it for each of them.
inline std::vector<torch::Tensor> differentiate(
    const std::vector<torch::Tensor>& values,
    const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& f) {
  std::vector<torch::Tensor> leaves;
  for (const torch::Tensor& value : values) {
    leaves.push_back(value.detach().requires_grad_());
  }
  const torch::Tensor out = f(leaves);
  const torch::Tensor weights =
      torch::sin(torch::arange(out.numel(), out.options().requires_grad(false))).view(out.sizes());
  (out * weights).sum().backward();
  std::vector<torch::Tensor> results{out.detach()};
  for (const torch::Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

// Each pair to `tolerance` of the second one's largest number, or of 0.1 where all its numbers are
// smaller: sums that nearly cancel.
inline void expect_close(const std::vector<torch::Tensor>& ours,
                         const std::vector<torch::Tensor>& expected, double tolerance) {
  ASSERT_EQ(ours.size(), expected.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_TRUE(ours[i].defined()) << "result " << i;
    ASSERT_EQ(ours[i].sizes(), expected[i].sizes()) << "result " << i;
    if (ours[i].numel() == 0) continue;
    const torch::Tensor a = ours[i].to(torch::kDouble), b = expected[i].to(torch::kDouble);
    const double worst = (a - b).abs().max().item<double>();
    EXPECT_LE(worst, tolerance * std::max(b.abs().max().item<double>(), 0.1)) << "result " << i;
  }
}

// The error names all the words.
inline void expect_error(const std::function<void()>& work, const std::vector<std::string>& words) {
  try {
    work();
    ADD_FAILURE() << "no error that names " << words.back();
  } catch (const Error& error) {
    for (const std::string& word : words) {
      EXPECT_THAT(std::string(error.what()), testing::HasSubstr(word));
    }
  }
}

}  // namespace seqsweep
