// A sweep on a cluster that does not exist: the scheduler's own decisions on a virtual clock, with
// workers that fail. For `seqsweep plan --simulate` and tools/bench_scheduler.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/waiting_runs.h"

namespace seqsweep {

struct SimulatedRun {
  WaitingRun run;                  // As the scheduler sees it.
  double seconds = 0;              // What it takes, undisturbed.
  std::vector<std::string> needs;  // Runs that must be done first; none may be behind this one.
};

struct SimulatedCluster {
  int64_t ranks = 1;  // Workers.
  int64_t ranks_per_host = 8;
  int64_t gpus_per_host = 0;  // The workers of a host take them in turn; 0: they train on its CPU.
  int64_t gpu_bytes = 0;      // Memory of each; 0: it always suffices.
  int64_t ranks_per_gpu = 1;  // That train on it at once, each as fast as alone.
  double failures_per_hour = 0;  // Of each worker. The attempt that it is at ends; it goes on.
  double checkpoint_s = 30;      // What a failed run repeats at most.
  double retry_delay_s = 5;
  uint64_t seed = 1;
};

struct SimulatedSchedule {
  double makespan_s = 0;
  // No schedule is shorter: all work shared evenly, or the longest chain of runs.
  double bound_s = 0;
  int64_t capacity = 0;    // Workers that may train at once.
  double utilisation = 0;  // Of their time until the last run ended.
  int64_t attempts = 0, failures = 0;
  std::vector<std::string> order;  // Runs as they started, failed ones again.
  struct Point {                   // From this second on so many workers were busy.
    double at_s = 0;
    int64_t busy = 0;
  };
  std::vector<Point> curve;
};

// Throws Error (Fault::Input) when a run needs more ranks or memory than there is.
SimulatedSchedule simulate(const std::vector<SimulatedRun>& runs, const SimulatedCluster& cluster);

}  // namespace seqsweep
