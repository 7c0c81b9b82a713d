// What `sweep` and `train` share: this process as the coordinator of a sweep, as a worker, or,
// without mpirun, as both.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "coordinator/estimator.h"
#include "coordinator/plan.h"
#include "core/base/value.h"

namespace seqsweep {

struct SweepJob {
  std::function<Value()> document;  // The sweep file with its overrides; read by rank 0 alone.
  std::filesystem::path database;
  std::string data_dir;       // "": what the file says, else SEQSWEEP_DATA, else ./data.
  double lease_s = 600;       // An attempt that does not get on for so long is lost.
  double disk_wait_s = 3600;  // For someone to make room on a full disk.
  bool respawn = false;       // Workers that die are started anew, where the MPI can.
  // Of a process that was started so: its world rank, cores, and number among those of its host.
  std::vector<int64_t> replaces = {};
};

struct SweepEnd {
  int code = 0;  // For the program to exit with: of the sweep, on a worker rank its own.
  bool coordinated = false;  // By this process.
};

// Throws Error.
SweepEnd run_sweep(const SweepJob& job);

// The sweep file read and overridden; errors name file and line.
Value read_sweep_file(const std::string& path, const std::vector<std::string>& overrides);

std::filesystem::path data_dir_of(const SweepJob& job, const SweepConfig& sweep);

// The runs of the sweep's grid, whose batch schedules can be made: refused before anything trains.
std::vector<SweepRun> runs_of(const SweepConfig& sweep);

// Opens a data set of the sweep, and prepares one that is not, so that workers find its cache.
DatasetSize prepare_dataset(const Choice& dataset, const std::filesystem::path& data_dir);

}  // namespace seqsweep
