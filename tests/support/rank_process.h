// The processes of a sweep under Open MPI, for tests that kill some.
#pragma once

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace seqsweep {

// The process of a world rank of the sweep on this database; 0: there is none.
inline pid_t process_of(const std::string& db, int rank) {
  namespace fs = std::filesystem;
  const auto text_of = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string place = "OMPI_COMM_WORLD_RANK=" + std::to_string(rank) + '\0';
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0) continue;
    const bool ours = text_of(entry.path() / "cmdline").find(db) != std::string::npos;
    if (ours && text_of(entry.path() / "environ").find(place) != std::string::npos) return pid;
  }
  return 0;
}

}  // namespace seqsweep
