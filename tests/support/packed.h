// Packed sequences for tests of kernels, and results that are compared with all gradients.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace seqsweep {

using Tensors = std::vector<torch::Tensor>;

inline const std::vector<int> kOddLengths{0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200};

inline torch::Tensor offsets_of(const std::vector<int>& lengths) {
  std::vector<int> offsets{0};
  for (const int length : lengths) offsets.push_back(offsets.back() + length);
  return torch::tensor(offsets, torch::kInt);
}

inline Tensors to(const Tensors& tensors, torch::ScalarType dtype) {
  Tensors converted;
  for (const torch::Tensor& tensor : tensors) converted.push_back(tensor.to(dtype));
  return converted;
}

// f of the inputs, followed by the gradients of all inputs of a fixed weighted sum of it.
inline Tensors with_gradients(const std::function<torch::Tensor(const Tensors&)>& f,
                              const Tensors& inputs, const torch::Tensor& weights = {}) {
  Tensors leaves;
  for (const torch::Tensor& input : inputs) {
    leaves.push_back(input.detach().requires_grad_());
  }
  const torch::Tensor out = f(leaves);
  const torch::Tensor fixed =
      weights.defined() ? weights
                        : torch::sin(torch::arange(out.numel(), torch::kDouble)).view(out.sizes());
  (out * fixed.to(out.device(), out.scalar_type())).sum().backward();
  Tensors results{out.detach()};
  for (const torch::Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

// Each pair to `tolerance` of the expected one's largest number, or of 0.1 where all its numbers
// are smaller: sums that nearly cancel.
inline void expect_close(const Tensors& actual, const Tensors& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_TRUE(actual[i].defined()) << "result " << i;
    ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "result " << i;
    if (expected[i].numel() == 0) continue;
    const torch::Tensor plain = expected[i].to(torch::kDouble);
    const torch::Tensor difference = (actual[i].to(torch::kDouble) - plain).abs();
    const double largest = std::max(plain.abs().max().item<double>(), 0.1);
    EXPECT_LE(difference.max().item<double>(), tolerance * largest) << "result " << i;
  }
}

inline void expect_same_bits(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i], b[i])) << "result " << i;
}

// What the call throws, as text.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

// The error names all the words.
inline void expect_error(const std::function<void()>& call, const std::vector<std::string>& words) {
  for (const std::string& word : words) EXPECT_THAT(error_of(call), testing::HasSubstr(word));
}

}  // namespace seqsweep
