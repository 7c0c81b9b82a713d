// Tokens of many texts with the Python packages.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "tests/support/python.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {

// `kind` and `path` as tests/core/text/reference_tokens.py takes them.
inline std::vector<std::vector<int32_t>> reference_tokens(const std::vector<std::string>& texts,
                                                          const std::string& kind,
                                                          const std::filesystem::path& path) {
  TemporaryFolder folder;
  AtomicFile in(folder / "texts");
  for (const std::string& text : texts) {
    const auto length = static_cast<uint32_t>(text.size());
    in.write(&length, sizeof(length));
    in.write(text.data(), text.size());
  }
  in.commit();
  const std::string command =
      fmt::format("'{}' '{}/tests/core/text/reference_tokens.py' {} '{}' '{}' '{}'", test_python(),
                  SEQSWEEP_SOURCE_DIR, kind, path.string(), (folder / "texts").string(),
                  (folder / "tokens").string());
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string bytes = read_file(folder / "tokens");
  std::vector<std::vector<int32_t>> tokens;
  for (size_t at = 0; at < bytes.size();) {
    uint32_t count = 0;
    std::memcpy(&count, bytes.data() + at, sizeof(count));
    tokens.emplace_back(count);
    std::memcpy(tokens.back().data(), bytes.data() + at + 4, 4 * count);
    at += 4 + 4 * size_t{count};
  }
  return tokens;
}

}  // namespace seqsweep
