// Which machine this is, and what it has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace seqsweep {

std::string host_name();  // "unknown" when the system does not tell.

// That this process may use: the machine's, or less where its control group has a limit; 0 when the
// system does not tell. `root` has proc and sys in it.
int64_t host_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace seqsweep
