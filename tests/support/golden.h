// Golden values as tensors.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

#include "tests/support/golden_json.h"

namespace seqsweep {

// Nested lists of numbers, float64.
inline torch::Tensor to_tensor(const nlohmann::json& value) {
  std::vector<int64_t> sizes;
  for (const nlohmann::json* level = &value; level->is_array(); level = &level->at(0)) {
    sizes.push_back(static_cast<int64_t>(level->size()));
  }
  std::vector<double> numbers;
  const std::function<void(const nlohmann::json&)> collect = [&](const nlohmann::json& part) {
    if (!part.is_array()) return numbers.push_back(part.get<double>());
    for (const nlohmann::json& element : part) collect(element);
  };
  collect(value);
  return torch::tensor(numbers, torch::kFloat64).view(sizes);
}

}  // namespace seqsweep
