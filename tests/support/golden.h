// Values that a script in tests/golden made once with plain PyTorch.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace seqsweep {

inline nlohmann::json read_golden(const std::string& name) {
  std::ifstream file(fmt::format("{}/tests/golden/{}.json", SEQSWEEP_SOURCE_DIR, name));
  return nlohmann::json::parse(file);
}

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

inline void expect_equal_numbers(const nlohmann::json& a, const nlohmann::json& b,
                                 const std::string& where) {
  ASSERT_EQ(a.size(), b.size()) << where;
  if (a.is_object()) {
    for (const auto& [key, value] : a.items()) {
      expect_equal_numbers(value, b.at(key), where + "." + key);
    }
  } else if (a.is_array()) {
    for (size_t i = 0; i < a.size(); ++i) expect_equal_numbers(a[i], b[i], where);
  } else if (a.is_number()) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-9) << where;
  } else {
    EXPECT_EQ(a, b) << where;
  }
}

// Runs tests/golden/make_<name>.py and compares what it makes with the committed file. Skips where
// Python, SEQSWEEP_PYTHON or the project's .venv, lacks one of the packages.
inline void expect_golden_is_remade(const std::string& name, const char* packages = "torch") {
  const char* chosen = std::getenv("SEQSWEEP_PYTHON");
  const std::string python = chosen ? chosen : SEQSWEEP_SOURCE_DIR "/.venv/bin/python";
  if (std::system(fmt::format("'{}' -c 'import {}' 2>/dev/null", python, packages).c_str()) != 0) {
    GTEST_SKIP() << python << " lacks one of " << packages
                 << ": set SEQSWEEP_PYTHON to one that has";
  }
  const auto made = std::filesystem::path(testing::TempDir()) / (name + "_remade.json");
  ASSERT_EQ(0, std::system(fmt::format("'{}' '{}/tests/golden/make_{}.py' '{}'", python,
                                       SEQSWEEP_SOURCE_DIR, name, made.string())
                               .c_str()));
  std::ifstream file(made);
  expect_equal_numbers(read_golden(name), nlohmann::json::parse(file), name);
}

}  // namespace seqsweep
