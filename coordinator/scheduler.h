// Who trains what. Pure policy: the same queue, workers and time give the same decisions. Kept
// apart from the coordinator's loop so that `plan --simulate` and tests can play it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace seqsweep {

struct WaitingRun {
  std::string run_id, label;
  int64_t ranks = 1;
  int64_t priority = 0;              // Higher ones first.
  std::optional<double> estimate_s;  // How long it will take, when known.
  int64_t not_before_ms = 0;         // Backs off until then.
};

struct WorkerSlot {
  enum class State { Starting, Free, Busy };  // Starting: exists, has not said Hello.
  int64_t rank = 0;                           // In the world.
  std::string host;
  State state = State::Starting;
  std::optional<int64_t> free_at_ms;  // Of a busy one: when its run is expected to end.
};

enum class Placement {
  Placed,      // Start it now on `members`.
  Wait,        // Later; `reason` says for what.
  Impossible,  // Never in this world; `reason` says why.
};

struct Decision {
  std::string run_id;
  Placement placement = Placement::Wait;
  std::vector<int64_t> members;  // World ranks, ascending.
  std::string reason;
};

// One decision a queued run, in the order in which they were taken: by priority, then the longest
// estimate first (unknown ones before all: they may be the longest), then as queued. A run on k
// ranks needs k free workers at once, on one host if possible. The first run that must wait for
// workers gets a reservation: runs behind it start only if they do not delay it (EASY backfilling,
// Lifka 1995), so that a large run does not starve.
std::vector<Decision> schedule(std::span<const WaitingRun> queue,
                               std::span<const WorkerSlot> workers, int64_t now_ms);

}  // namespace seqsweep
