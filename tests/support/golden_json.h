// Values that a script in tests/golden made once with independent packages.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/python.h"

namespace seqsweep {

inline nlohmann::json read_golden(const std::string& name) {
  std::ifstream file(fmt::format("{}/tests/golden/{}.json", SEQSWEEP_SOURCE_DIR, name));
  return nlohmann::json::parse(file);
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
  if (!python_has(packages)) {
    GTEST_SKIP() << test_python() << " lacks one of " << packages
                 << ": set SEQSWEEP_PYTHON to one that has";
  }
  const auto made = std::filesystem::path(testing::TempDir()) / (name + "_remade.json");
  ASSERT_EQ(0, std::system(fmt::format("'{}' '{}/tests/golden/make_{}.py' '{}'", test_python(),
                                       SEQSWEEP_SOURCE_DIR, name, made.string())
                               .c_str()));
  std::ifstream file(made);
  expect_equal_numbers(read_golden(name), nlohmann::json::parse(file), name);
}

}  // namespace seqsweep
