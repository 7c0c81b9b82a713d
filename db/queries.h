// Reading a seqsweep database. Every function throws Error (Fault::World) when the file fails.
#pragma once

#include <string>
#include <vector>

#include "core/protocol/message.h"
#include "db/database.h"
#include "db/rows.h"

namespace seqsweep {

// Sweeps in the order of their first start.
std::vector<SweepRow> read_sweeps(Database& database);

// The runs of a sweep in the order of its grid, or with "" every run, in the order of the sweeps.
std::vector<ResultRow> read_results(Database& database, const std::string& sweep = "");
// Of every done run.
std::vector<CostRow> read_costs(Database& database);

// What its pending runs wait for, in the order of its grid: a row for each run that one needs and
// that is not done.
std::vector<WaitingRow> read_waiting(Database& database, const std::string& sweep);
StatusCounts count_runs(Database& database, const std::string& sweep = "");

// The run whose id is, or starts with, the text. Fault::Input when none or several do.
std::string find_run(Database& database, const std::string& run_id_start);

// Of one run, each in its own order; empty when the run has none.
std::vector<StepRow> read_steps(Database& database, const std::string& run_id);
std::vector<MetricRow> read_metrics(Database& database, const std::string& run_id);
std::vector<LatencySample> read_latency_samples(Database& database, const std::string& run_id);
std::vector<int32_t> read_user_ranks(Database& database, const std::string& run_id);
std::vector<AttemptRow> read_attempts(Database& database, const std::string& run_id);
// What its latest attempt ran on, as JSON; "{}" when it had none.
std::string read_environment(Database& database, const std::string& run_id);
std::vector<ArtifactRow> read_artifacts(Database& database, const std::string& run_id);

// By name, then by settings.
std::vector<DatasetRow> read_datasets(Database& database);

std::vector<LeaseRow> read_leases(Database& database);
// Those after an id, oldest first; of one run, or with "" all.
std::vector<EventRow> read_events(Database& database, const std::string& run_id = "",
                                  int64_t after_id = 0);
// The last of a kind at or after a time.
std::optional<EventRow> read_newest_event(Database& database, const std::string& kind,
                                          int64_t since_ms);
std::vector<CoordinatorRow> read_coordinators(Database& database);

}  // namespace seqsweep
