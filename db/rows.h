// What the database holds, as rows for readers. NaN: the database has NULL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace seqsweep {

struct ResultRow {  // The view results.
  std::string run_id, sweep, dataset, model, optimizer;
  int64_t seed = 0;
  std::string status;  // pending, running, done, failed, cancelled
  int64_t attempts = 0;
  std::string error;
  int64_t epochs = 0;
  double hit_10 = 0, ndcg_10 = 0, mrr_10 = 0;
  double latency_ms = 0, latency_low_ms = 0, latency_high_ms = 0;
  double tokens_per_s = 0;
  int64_t params = 0, params_no_embedding = 0;
  double train_s = 0;
  int64_t ranks = 0;
  std::string device;
  std::string config;  // JSON
  std::string git_commit;
};

struct StatusCounts {
  int64_t pending = 0, running = 0, done = 0, failed = 0, cancelled = 0;
  int64_t total() const { return pending + running + done + failed + cancelled; }
};

struct SweepRow {
  std::string name, yaml;
  int64_t created_ms = 0;
  StatusCounts runs;
};

struct AttemptRow {
  std::string run_id;
  int64_t number = 0, coordinator_epoch = 0, worker = 0, ranks = 0;
  std::string host;
  int64_t start_ms = 0;
  std::optional<int64_t> end_ms;  // Nothing: it is running.
  std::string cause, text;
  std::optional<int64_t> resumed_from_step, last_step;
};

struct LeaseRow {  // What a running attempt told last.
  std::string run_id;
  int64_t attempt = 0, renewed_ms = 0;
  std::string phase;
  int64_t step = 0, epoch = 0, epochs = 0;
  double fraction = 0, seconds_left = 0;
};

struct EventRow {
  int64_t id = 0, time_ms = 0;
  std::string run_id;  // "": about the sweep as a whole
  std::string kind, text;
};

struct ArtifactRow {
  std::string run_id, kind, path;
  int64_t bytes = 0;
  std::string sha256;
};

struct CostRow {  // What a done run took.
  std::string config, device;
  double seconds = 0;            // All its attempts.
  double peak_memory_bytes = 0;  // Of a rank; NaN: not measured.
};

struct WaitingRow {  // A pending run that waits for one that it needs.
  std::string run_id, needs_run;
};

struct DatasetRow {    // What a run was done on.
  std::string config;  // JSON: its resolved settings.
  std::string name;
  int64_t users = 0, items = 0, interactions = 0;
};

struct CoordinatorRow {
  int64_t epoch = 0;
  std::string host;
  int64_t pid = 0, start_ms = 0;
  std::optional<int64_t> end_ms;
};

}  // namespace seqsweep
