// The processes of a sweep under Open MPI, for tests that kill some.
#pragma once

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace seqsweep {

// The process of the sweep on this database that has this name, and this in its command line and
// environment, where they are not empty; 0: there is none.
inline pid_t find_process(const std::string& db, const std::string& name,
                          const std::string& argument = "", const std::string& variable = "") {
  namespace fs = std::filesystem;
  const auto text_of = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0) continue;
    if (!name.empty() && text_of(entry.path() / "comm") != name + '\n') continue;
    const std::string command = text_of(entry.path() / "cmdline");
    const bool ours = command.find(db) != std::string::npos;
    if (!ours || command.find(argument) == std::string::npos) continue;
    if (text_of(entry.path() / "environ").find(variable) != std::string::npos) return pid;
  }
  return 0;
}

// Of a world rank of the sweep on this database.
inline pid_t process_of(const std::string& db, int rank) {
  return find_process(db, "seqsweep", "",
                      "OMPI_COMM_WORLD_RANK=" + std::to_string(rank) + std::string(1, '\0'));
}

// Of the worker that was started in the place of a dead rank.
inline pid_t replacement_of(const std::string& db, int rank) {
  const std::string end(1, '\0');
  return find_process(db, "seqsweep", "--replaces" + end + std::to_string(rank) + end);
}

// A trainer, of whichever rank.
inline pid_t trainer_of(const std::string& db) {
  return find_process(db, "seqsweep-train");
}

}  // namespace seqsweep
