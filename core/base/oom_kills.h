// Whom the kernel ended for want of memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace seqsweep {

// How many processes of this process's control group the kernel's out-of-memory killer has ended so
// far; where there is no such group, of the machine. Nothing where the kernel does not tell.
std::optional<int64_t> oom_kills();

// The file that counts them for a process: `membership` is the text of its /proc/PID/cgroup, `root`
// where control groups are mounted. With version 1 and 2, also where a container shows its own
// group as the root. Nothing where there is none.
std::optional<std::filesystem::path> oom_kills_file(std::string_view membership,
                                                    const std::filesystem::path& root);

// The number in the line "oom_kill N" of such a file.
std::optional<int64_t> oom_kills_in(std::string_view text);

}  // namespace seqsweep
