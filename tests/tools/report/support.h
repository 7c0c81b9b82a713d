// What the tests of the report share: small databases, filled through the coordinator's store.
#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/eval/metrics.h"
#include "db/rows.h"
#include "db/run_store.h"
#include "tests/db/support.h"
#include "tools/report/paper.h"

namespace seqsweep {

class SetClock : public Clock {
 public:
  int64_t monotonic_ms() const override { return now_ms; }
  int64_t unix_ms() const override { return now_ms; }
  int64_t now_ms = 1'000'000;
};

inline Json run_config(const std::string& dataset, const std::string& model, int64_t seed,
                       const std::string& optimizer = "adam") {
  return {{"dataset", {{"name", dataset}, {"max_length", 50}}},
          {"model", {{"name", model}}},
          {"optimizer", {{"name", optimizer}}},
          {"seed", seed},
          {"train", {{"ranks", 1}}}};
}

inline PlannedRun planned_run(const std::string& run_id, Json config) {
  return {.run_id = run_id, .config = std::move(config)};
}

// hit@10 = 2 x, ndcg@10 = x, mrr@10 = x / 2; a latency of `ms` in [0.9 ms, 1.1 ms].
inline RunResult result_of(double x, double ms) {
  return {.metrics = {{3, "test", "hit@10", 2 * x},
                      {3, "test", "ndcg@10", x},
                      {3, "test", "mrr@10", x / 2}},
          .latency = {{ms, {}}},
          .latency_ms = ms,
          .latency_low_ms = 0.9 * ms,
          .latency_high_ms = 1.1 * ms,
          .params = 320'000,
          .params_no_embedding = 100'000,
          .epochs = 5,
          .best_epoch = 3,
          .device = "cpu",
          .users = 6040,
          .items = 3416,
          .interactions = 999'611};
}

// With ranks that give the mean metrics of these users: the more, the better.
inline RunResult result_of_ranks(std::vector<int32_t> ranks) {
  const std::vector<int64_t> cutoffs = {10};
  RunResult result = result_of(0, 1);
  result.metrics.clear();
  for (const Metric& metric : ranking_metrics(ranks, cutoffs)) {
    result.metrics.push_back({result.best_epoch, "test", metric.name, metric.value});
  }
  result.user_ranks = std::move(ranks);
  return result;
}

// Of n users; the share that is recommended the right item first grows with `quality` of 10.
inline std::vector<int32_t> some_ranks(size_t n, uint64_t quality, uint64_t seed) {
  Rng rng(seed);
  std::vector<int32_t> ranks(n);
  for (int32_t& rank : ranks) {
    rank = rng.below(10) < quality ? 0 : static_cast<int32_t>(rng.below(40));
  }
  return ranks;
}

inline void finish(RunStore& store, const std::string& run_id, const RunResult& result) {
  if (!store.finish(store.start_attempt(run_id, kPlace), result)) std::abort();
}

// A run of three epochs of 10 steps: validation ndcg@10 of x, 2 x, 3 x after them, losses 3, 2, 1.
// Every fifth step is a row: batches of 8, then 16, but 4 at an epoch's end; H from 1 up.
inline void finish_with_curves(RunStore& store, const std::string& run_id, double x) {
  const Ticket ticket = store.start_attempt(run_id, kPlace);
  Progress progress{.ticket = ticket, .step = 30, .epoch = 3, .epochs = 3, .phase = "train"};
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto e = static_cast<double>(epoch);
    progress.metrics.push_back({epoch, "validation", "ndcg@10", e * x});
    progress.metrics.push_back({epoch, "train", "loss", 4 - e});
    for (const double half : {0.5, 0.0}) {
      progress.steps.push_back({.step = static_cast<int64_t>(10 * (e - half)),
                                .epoch_position = e - half,
                                .loss = 4 - e,
                                .batch_size = half == 0    ? 4
                                              : epoch == 1 ? 8
                                                           : 16,
                                .microbatches = 1,
                                .h = e,
                                .c1 = 0.5,
                                .c2 = 4});
    }
  }
  store.store_progress(std::vector{progress});
  RunResult result = result_of(x, 1);
  result.epochs = 3;
  result.train_s = 60;
  if (!store.finish(ticket, result)) std::abort();
}

inline void fail(RunStore& store, const std::string& run_id, const std::string& text) {
  store.fail(store.start_attempt(run_id, kPlace), "error", text, AfterFailure::GiveUp);
}

// A row as the view results gives it, done, with result_of(x, ms).
inline ResultRow done_row(const Json& config, double x, double ms) {
  return {.run_id = config_hash(config),
          .dataset = config["dataset"]["name"],
          .model = config["model"]["name"],
          .optimizer = config["optimizer"]["name"],
          .seed = config["seed"],
          .status = "done",
          .attempts = 1,
          .hit_10 = 2 * x,
          .ndcg_10 = x,
          .mrr_10 = x / 2,
          .latency_ms = ms,
          .latency_low_ms = 0.9 * ms,
          .latency_high_ms = 1.1 * ms,
          .tokens_per_s = std::nan(""),
          .params = 320'000,
          .params_no_embedding = 100'000,
          .config = config.dump()};
}

// A row that is not done: no figures.
inline ResultRow open_row(const Json& config, const std::string& status,
                          const std::string& error = "") {
  const double nan = std::nan("");
  ResultRow row = done_row(config, nan, nan);
  row.status = status;
  row.error = error;
  row.params = row.params_no_embedding = 0;
  return row;
}

}  // namespace seqsweep
