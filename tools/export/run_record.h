// A run as programs that show curves see one: settings, and scalars with a step and a wall time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/database.h"
#include "db/rows.h"

namespace seqsweep {

struct Scalar {
  std::string name;     // "step/loss", "validation/ndcg@10", "result/latency_ms"
  int64_t step = 0;     // Of step/...: the training step; else epochs of training done.
  int64_t time_ms = 0;  // Since 1970; between an attempt's start and end it is interpolated.
  double value = 0;     // Finite.
};

struct RunRecord {
  ResultRow run;
  int64_t start_ms = 0;
  std::optional<int64_t> end_ms;  // Nothing: it is running, or waits for another attempt.
  std::vector<std::pair<std::string, std::string>> settings;  // {"optimizer.lr", "0.001"}, ...
  std::vector<Scalar> scalars;                                // By name, each by its steps.
};

// Nothing when no attempt was made yet.
std::optional<RunRecord> read_run_record(Database& database, const ResultRow& run, int64_t now_ms);

}  // namespace seqsweep
