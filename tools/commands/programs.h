// Other programs that commands ask and start.
#pragma once

#include <optional>
#include <string>

namespace seqsweep {

// mpirun of SEQSWEEP_MPIRUN, of PATH, or of the checkout's venv; "": none.
std::string find_mpirun();

// For a shell.
std::string quoted(const std::string& text);

// The first line, or all, that a program prints; nothing when it cannot be started or fails.
std::optional<std::string> output_of(const std::string& command, bool all = false);

}  // namespace seqsweep
