// Behind `seqsweep status DB`: what is done, running, failed (and why) and left, and how long it
// will take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "db/database.h"
#include "db/rows.h"

namespace seqsweep {

struct RunningRun {
  ResultRow run;
  std::optional<LeaseRow> lease;  // What it told last; nothing: not a word yet.
};

struct SweepStatus {
  std::string name;
  StatusCounts runs;
  std::vector<RunningRun> running;
  std::vector<ResultRow> failed;
  // Where asked for; left: those that wait for a worker, not for a run.
  std::vector<ResultRow> done, left, cancelled;
  std::vector<std::pair<ResultRow, std::vector<std::string>>> waiting;  // And for which runs.
  // Estimated from what the running runs tell and what the done ones took, at the present number
  // of runs at a time. Nothing: not known, or nothing is running.
  std::optional<double> seconds_left;
};

struct Status {
  int64_t now_ms = 0;     // Unix time of the reading.
  bool all_runs = false;  // Those that are done, cancelled and left are listed.
  bool coordinator_alive = false;
  std::string crowd;  // Why workers are idle though runs are left; "": nothing was noted.
  std::vector<SweepStatus> sweeps;
};

Status read_status(Database& database, int64_t now_ms, bool all_runs = false);

std::string status_text(const Status& status);  // Lines for a terminal; texts made printable.
Json status_json(const Status& status);

}  // namespace seqsweep
