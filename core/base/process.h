// Starts other programs without a shell: arguments reach them as they are.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace seqsweep {

// Runs `arguments[0]` (found in PATH) and waits; its standard output goes to our standard error.
// Returns its exit code, 128 + n when signal n ended it. Throws Error (Fault::World) when it cannot
// be started.
int run_program(const std::vector<std::string>& arguments);

// Runs it in `folder` with nothing to read; all that it says is added to the file output.txt there.
// The same exit code; nothing when it cannot be started.
std::optional<int> run_program_in(const std::filesystem::path& folder,
                                  const std::vector<std::string>& arguments);

}  // namespace seqsweep
