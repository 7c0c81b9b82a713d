// What a worker tells about its machine and versions; stored with every run.
#pragma once

#include <string>

#include "core/base/config.h"

namespace seqsweep {

// seqsweep, git_commit, compiler, torch, cpu, host and, when not empty, mpi.
Json environment(const std::string& mpi_version);

// The most memory that the process held since reset_peak_memory(). Where the kernel cannot reset it
// (/proc/self/clear_refs), since its start.
void reset_peak_memory();
double peak_memory_bytes();

}  // namespace seqsweep
