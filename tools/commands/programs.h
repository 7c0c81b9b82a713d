// Other programs that commands ask and start.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace seqsweep {

// The file of this program.
std::filesystem::path own_path();
// And the arguments that it was started with.
std::vector<std::string> own_arguments();

// mpirun of SEQSWEEP_MPIRUN, of PATH, or of the checkout's venv; "": none.
std::string find_mpirun();

// Open MPI keeps a session in a temporary folder named by mpirun's process id. A killed mpirun
// leaves it, and a later one with the same id refuses to start.
void remove_left_session(pid_t mpirun);  // Of an mpirun that is about to start with this id.
int count_left_sessions();               // Those without their process.

// For a shell.
std::string quoted(const std::string& text);

// The first line, or all, that a program prints; nothing when it cannot be started or fails.
std::optional<std::string> output_of(const std::string& command, bool all = false);

}  // namespace seqsweep
