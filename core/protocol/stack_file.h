// Where a worker that does not get on writes the stack that it stands in, a call a line, innermost
// first; the coordinator tells it with the loss of the run.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>

namespace seqsweep {

inline std::filesystem::path stack_file(const std::filesystem::path& run_folder, int64_t rank) {
  return run_folder / fmt::format("stack-rank{}.txt", rank);
}

}  // namespace seqsweep
