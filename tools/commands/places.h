// Where things lie: the data folder, and a run's files beside its database.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace seqsweep {

// What was named, else SEQSWEEP_DATA, else ./data.
inline std::filesystem::path data_dir_or_default(const std::string& named) {
  if (!named.empty()) return named;
  const char* from_environment = std::getenv("SEQSWEEP_DATA");
  return from_environment && *from_environment ? from_environment : "data";
}

// results.db.runs/RUN: checkpoints while it trains, then the model.
inline std::filesystem::path folder_of_runs(const std::filesystem::path& database) {
  return database.string() + ".runs";
}

}  // namespace seqsweep
