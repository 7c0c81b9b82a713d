// Rows of one file that cannot be read: counted, the first ones kept for the user to see.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

class MalformedRows {
 public:
  explicit MalformedRows(std::filesystem::path path) : path_(std::move(path)) {}
  void add(int64_t line, std::string_view problem, std::string_view text);
  int64_t count() const { return count_; }

  // After the last row. `rows` counts all rows, `share` is the largest bearable part of them.
  // Throws Error (Fault::Input) above it or when there are no rows at all; warns below it.
  void judge(int64_t rows, double share) const;

 private:
  std::filesystem::path path_;
  int64_t count_ = 0;
  std::vector<std::string> first_;
};

}  // namespace seqsweep
