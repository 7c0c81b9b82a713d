// Starts other programs without a shell: arguments reach them as they are.
#pragma once

#include <string>
#include <vector>

namespace seqsweep {

// Runs `arguments[0]` (found in PATH) and waits; its standard output goes to our standard error.
// Returns its exit code, 128 + n when signal n ended it. Throws Error (Fault::World) when it cannot
// be started.
int run_program(const std::vector<std::string>& arguments);

}  // namespace seqsweep
