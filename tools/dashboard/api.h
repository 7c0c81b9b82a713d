// What the dashboard's page asks for, as JSON. Figures that are not a number are null.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "db/database.h"
#include "tools/dashboard/significance.h"

namespace seqsweep {

// Sweeps with their counts, every run with its state, progress and results, and whether a
// coordinator is at work.
Json overview_json(Database& database, int64_t now_ms);

// Config, environment, attempts, artifacts and events of the run that the id, or its start, names.
// Throws Error (Fault::Input) when none or several do.
Json run_json(Database& database, const std::string& run_id_start);

constexpr size_t kCurveRunsMax = 20;

// loss, ndcg, batch_size, h, c1, c2 over epochs of each run, each downsampled to `points_max`. A
// series that a run does not have is left out. Throws Error (Fault::Input) for too many runs.
Json curves_json(Database& database, const std::vector<std::string>& run_ids, size_t points_max);

// Those after an id, oldest first, the latest `count_max` of them.
Json events_json(Database& database, int64_t after_id, size_t count_max);

// The tables as make_tables shows them. `under_way`: a table's marks of significance come later.
Json tables_json(Database& database, SignificanceTests& tests);

}  // namespace seqsweep
