#include "db/result_rows.h"

#include <algorithm>
#include <optional>

#include "db/database.h"

namespace seqsweep {
namespace {

std::optional<double> unless_zero(double value) {
  return value == 0 ? std::nullopt : std::optional(value);
}

void drop_steps_from(Database& database, const Ticket& ticket, int64_t step) {
  database.run("DELETE FROM steps WHERE run = ? AND step >= ? AND attempt < ?", ticket.run_id, step,
               ticket.attempt);
}

void drop_metrics_from(Database& database, const Ticket& ticket, int64_t epoch) {
  database.run("DELETE FROM metrics WHERE run = ? AND epoch >= ? AND attempt < ?", ticket.run_id,
               epoch, ticket.attempt);
}

void store_metric(Database& database, const Ticket& ticket, const MetricRow& row) {
  database.run(
      "INSERT OR REPLACE INTO metrics (run, epoch, split, name, value, attempt) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      ticket.run_id, row.epoch, row.split, row.name, row.value, ticket.attempt);
}

void store_latency(Database& database, const std::string& run_id,
                   const std::vector<LatencySample>& samples) {
  for (size_t i = 0; i < samples.size(); ++i) {
    database.run(
        "INSERT INTO latency_samples (run, sample, mean_ms, users, user_ms) "
        "VALUES (?, ?, ?, ?, ?)",
        run_id, i, samples[i].mean_ms, samples[i].user_ms.size(), samples[i].user_ms);
  }
}

void store_dataset(Database& database, const std::string& run_id, const RunResult& result) {
  if (result.users == 0) return;
  database.run(
      "INSERT OR REPLACE INTO datasets (config, users, items, interactions) "
      "SELECT json_extract(config, '$.dataset'), ?, ?, ? FROM runs WHERE run_id = ?",
      result.users, result.items, result.interactions, run_id);
}

void store_figures(Database& database, const std::string& run_id, const RunResult& result) {
  const auto if_timed = [&](double ms) {
    return result.latency.empty() ? std::nullopt : std::optional(ms);
  };
  database.run(
      "UPDATE runs SET epochs = ?, best_epoch = ?, steps = ?, latency_ms = ?, latency_low_ms = ?, "
      "latency_high_ms = ?, tokens_per_s = ?, params = ?, params_no_embedding = ?, train_s = ?, "
      "peak_memory_bytes = ?, device = ? WHERE run_id = ?",
      result.epochs, result.best_epoch, result.steps, if_timed(result.latency_ms),
      if_timed(result.latency_low_ms), if_timed(result.latency_high_ms),
      unless_zero(result.tokens_per_s), result.params, result.params_no_embedding, result.train_s,
      unless_zero(result.peak_memory_bytes), result.device, run_id);
}

}  // namespace

void store_steps(Database& database, const Ticket& ticket, const std::vector<StepRow>& rows) {
  if (rows.empty()) return;
  drop_steps_from(database, ticket, std::ranges::min(rows, {}, &StepRow::step).step);
  for (const StepRow& row : rows) {
    database.run(
        "INSERT OR REPLACE INTO steps (run, step, epoch_position, loss, batch_size, microbatches, "
        "h, r, beta, c1, c2, learning_rate, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?)",
        ticket.run_id, row.step, row.epoch_position, row.loss, row.batch_size, row.microbatches,
        row.h, row.r, row.beta, row.c1, row.c2, row.learning_rate, ticket.attempt);
  }
}

void store_metrics(Database& database, const Ticket& ticket, const std::vector<MetricRow>& rows) {
  if (rows.empty()) return;
  drop_metrics_from(database, ticket, std::ranges::min(rows, {}, &MetricRow::epoch).epoch);
  for (const MetricRow& row : rows) store_metric(database, ticket, row);
}

void renew_lease(Database& database, const Progress& progress, int64_t now_ms) {
  const Ticket& ticket = progress.ticket;
  database.run(
      "INSERT OR REPLACE INTO leases (run, attempt, renewed_ms, phase, step, epoch, epochs, "
      "fraction, seconds_left) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ticket.run_id, ticket.attempt, now_ms, progress.phase, progress.step, progress.epoch,
      progress.epochs, progress.fraction, progress.seconds_left);
  database.run(
      "UPDATE attempts SET last_step = iif(?2 = 'prepare', last_step, ?1), resumed_from_step = "
      "coalesce(resumed_from_step, iif(?2 = 'train', ?1, NULL)) WHERE run = ?3 AND number = ?4",
      progress.step, progress.phase, ticket.run_id, ticket.attempt);
}

void store_result(Database& database, const Ticket& ticket, const RunResult& result) {
  drop_steps_from(database, ticket, result.steps + 1);
  drop_metrics_from(database, ticket, result.epochs + 1);
  // Not store_metrics: a result's epoch is the best one, and curves go on after it.
  for (const MetricRow& row : result.metrics) store_metric(database, ticket, row);
  store_latency(database, ticket.run_id, result.latency);
  database.run("INSERT INTO user_ranks (run, ranks) VALUES (?, ?)", ticket.run_id,
               result.user_ranks);
  store_dataset(database, ticket.run_id, result);
  store_figures(database, ticket.run_id, result);
}

}  // namespace seqsweep
