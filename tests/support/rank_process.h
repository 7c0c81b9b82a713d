// The processes of a sweep under Open MPI, for tests that kill some.
#pragma once

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace seqsweep {

// A process on this database whose command line and environment have these texts; 0: there is none.
inline pid_t process_with(const std::string& db, const std::string& argument,
                          const std::string& variable) {
  namespace fs = std::filesystem;
  const auto text_of = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0) continue;
    const std::string command = text_of(entry.path() / "cmdline");
    if (command.find(db) == std::string::npos || command.find(argument) == std::string::npos)
      continue;
    if (text_of(entry.path() / "environ").find(variable) != std::string::npos) return pid;
  }
  return 0;
}

// Of a world rank of the sweep on this database.
inline pid_t process_of(const std::string& db, int rank) {
  return process_with(db, "", "OMPI_COMM_WORLD_RANK=" + std::to_string(rank) + '\0');
}

// Of the worker that was started in the place of a dead rank.
inline pid_t replacement_of(const std::string& db, int rank) {
  return process_with(db, std::string("--replaces") + '\0' + std::to_string(rank) + '\0', "");
}

}  // namespace seqsweep
