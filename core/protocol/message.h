// What the coordinator and a worker say to each other, as MessagePack. Every message about a run
// carries its Ticket: the coordinator drops what comes under an older one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/config.h"

namespace seqsweep {

// Which try of which run, given out by which coordinator.
struct Ticket {
  std::string run_id;
  int64_t attempt = 0;            // From 1.
  int64_t coordinator_epoch = 0;  // Raised by one at every start of a coordinator.
  bool operator==(const Ticket&) const = default;
};

// ---- worker -> coordinator ----

struct Hello {  // Once, at the start of a worker.
  std::string host;
  int64_t pid = 0;
  int64_t cores = 0;        // This worker's share of its host.
  std::string device;       // "cpu" or "cuda:0 NVIDIA H200"
  std::string environment;  // JSON: versions, CPU name.
  std::string gpu;          // Tells its GPU from all others of the host; "": it has none.
  int64_t gpu_bytes = 0, host_bytes = 0;  // Of memory in all; 0: the system does not tell.
};

struct StepRow {  // One row of the table steps. NaN: the optimizer has no such figure.
  int64_t step = 0;
  double epoch_position = 0;  // 2.5: half of the third epoch is done.
  double loss = 0;            // Mean over the step's targets.
  int64_t batch_size = 0;     // Examples.
  int64_t microbatches = 0;   // m_k, of B_0 examples each.
  double h = 0, r = 0, beta = 0, c1 = 0, c2 = 0;
  double learning_rate = 0;
};

struct MetricRow {
  int64_t epoch = 0;  // Epochs of training done.
  std::string split;  // "train", "validation" or "test"
  std::string name;   // "ndcg@10", "loss", ...
  double value = 0;
};

struct Progress {  // While a run goes; renews the attempt's lease.
  Ticket ticket;
  int64_t step = 0;
  int64_t epoch = 0, epochs = 0;  // Done, and most.
  double fraction = 0;            // Of the run, from 0 to 1; early stopping may end it sooner.
  double seconds_left = 0;
  std::string phase;  // "prepare", "train", "evaluate", "latency"
  int64_t signs = 0;  // Of life, counted: a validation and the like get on within a step.
  std::vector<StepRow> steps;
  std::vector<MetricRow> metrics;
};

struct LatencySample {         // One bootstrap sample.
  double mean_ms = 0;          // After removal of outliers.
  std::vector<float> user_ms;  // Of every drawn user, outliers included.
};

struct RunResult {
  std::vector<MetricRow> metrics;   // Test metrics at the best epoch.
  std::vector<int32_t> user_ranks;  // A user of the test split each, from 0; -1: not recommended.
  std::vector<LatencySample> latency;
  double latency_ms = 0, latency_low_ms = 0, latency_high_ms = 0;  // Mean with 95 % BCa interval.
  double tokens_per_s = 0;                                         // 0: not a language model.
  int64_t params = 0, params_no_embedding = 0;
  int64_t epochs = 0, best_epoch = 0, steps = 0;
  double train_s = 0, peak_memory_bytes = 0;
  std::string device;
  int64_t users = 0, items = 0, interactions = 0;  // Of the data set; 0: not told.
};

struct Finished {  // Repeated until Committed comes back.
  Ticket ticket;
  RunResult result;
};

struct Failed {
  Ticket ticket;
  // "error", "input", "nan", "memory", "world"; "crash", "gpu": its trainer died, its GPU fails
  // every call; "lost": another member died, or its trainer hung.
  std::string cause;
  std::string text;
};

struct Interrupted {  // The run stopped at a step because of a Drain or Cancel; it may be resumed.
  Ticket ticket;
  int64_t step = 0;
};

// ---- coordinator -> worker ----

struct Dispatch {
  Ticket ticket;
  std::string config;            // RunConfig as JSON.
  std::vector<int64_t> members;  // World ranks of the group; the first one leads and reports.
  std::string folder;            // The run's folder: checkpoints and the trained model.
  std::string data_dir;          // Raw and cached data sets.
};
struct Committed {  // The result is in the database for good.
  Ticket ticket;
};
struct Cancel {  // Checkpoint at the next step and report Interrupted.
  Ticket ticket;
  bool goes_on_elsewhere = false;  // Then the run's folder is another's: leave it as it is.
};
struct Drain {};     // Checkpoint at the next step, report Interrupted; no new runs come.
struct Shutdown {};  // Nothing is left: leave.

using Message = std::variant<Hello, Progress, Finished, Failed, Interrupted, Dispatch, Committed,
                             Cancel, Drain, Shutdown>;

std::vector<uint8_t> encode(const Message& message);
// Throws Error (Fault::World) on bytes that are no message: a damaged one must not crash anyone.
Message decode(const std::vector<uint8_t>& bytes);

}  // namespace seqsweep
