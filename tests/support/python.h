// The Python that tests compare with: SEQSWEEP_PYTHON, else the project's .venv.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace seqsweep {

inline std::string test_python() {
  const char* chosen = std::getenv("SEQSWEEP_PYTHON");
  return chosen ? chosen : SEQSWEEP_SOURCE_DIR "/.venv/bin/python";
}

// Whether it has these packages: "torch, transformers".
inline bool python_has(const std::string& packages) {
  const std::string probe = fmt::format("'{}' -c 'import {}' 2>/dev/null", test_python(), packages);
  return std::system(probe.c_str()) == 0;
}

}  // namespace seqsweep
