#include "db/queries.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

// Every row of a query, made by a function of the query.
template <typename Row, typename... Args>
auto rows(Row&& row, Database& database, std::string_view sql, const Args&... args) {
  std::vector<decltype(row(std::declval<Query&>()))> all;
  Query query(database, sql, args...);
  while (query.next()) all.push_back(row(query));
  return all;
}

ResultRow result_row(const Query& row) {
  return {.run_id = row.text(0),
          .sweep = row.text(1),
          .dataset = row.text(2),
          .model = row.text(3),
          .optimizer = row.text(4),
          .seed = row.integer(5),
          .status = row.text(6),
          .attempts = row.integer(7),
          .error = row.text(8),
          .epochs = row.integer(9),
          .hit_10 = row.real(10),
          .ndcg_10 = row.real(11),
          .mrr_10 = row.real(12),
          .latency_ms = row.real(13),
          .latency_low_ms = row.real(14),
          .latency_high_ms = row.real(15),
          .tokens_per_s = row.real(16),
          .params = row.integer(17),
          .params_no_embedding = row.integer(18),
          .train_s = row.real(19),
          .ranks = row.integer(20),
          .device = row.text(21),
          .config = row.text(22),
          .git_commit = row.text(23)};
}

void count(StatusCounts& counts, const std::string& status, int64_t runs) {
  if (status == "pending") counts.pending = runs;
  if (status == "running") counts.running = runs;
  if (status == "done") counts.done = runs;
  if (status == "failed") counts.failed = runs;
  if (status == "cancelled") counts.cancelled = runs;
}

}  // namespace

std::vector<SweepRow> read_sweeps(Database& database) {
  auto sweeps = rows(
      [](const Query& row) {
        return SweepRow{.name = row.text(0), .yaml = row.text(1), .created_ms = row.integer(2)};
      },
      database, "SELECT name, yaml, created_ms FROM sweeps ORDER BY id");
  for (SweepRow& sweep : sweeps) sweep.runs = count_runs(database, sweep.name);
  return sweeps;
}

std::vector<ResultRow> read_results(Database& database, const std::string& sweep) {
  if (sweep.empty()) {
    return rows(result_row, database,
                "SELECT results.* FROM results LEFT JOIN sweeps ON sweeps.name = results.sweep "
                "LEFT JOIN sweep_runs AS m ON m.sweep = sweeps.name AND m.run = results.run_id "
                "ORDER BY sweeps.id IS NULL, sweeps.id, m.position, results.run_id");
  }
  return rows(result_row, database,
              "SELECT results.* FROM sweep_runs AS m JOIN results ON run_id = run "
              "WHERE m.sweep = ? ORDER BY position",
              sweep);
}

std::vector<CostRow> read_costs(Database& database) {
  return rows(
      [](const Query& row) {
        return CostRow{row.text(0), row.text(1), row.real(2), row.real(3)};
      },
      database,
      "SELECT config, coalesce(device, ''), sum(end_ms - start_ms) / 1000.0, peak_memory_bytes "
      "FROM runs JOIN attempts ON run = run_id WHERE status = 'done' AND end_ms IS NOT NULL GROUP "
      "BY run_id");
}

std::vector<WaitingRow> read_waiting(Database& database, const std::string& sweep) {
  return rows(
      [](const Query& row) {
        return WaitingRow{row.text(0), row.text(1)};
      },
      database,
      "SELECT r.run_id, n.run_id FROM sweep_runs AS m JOIN runs AS r ON r.run_id = m.run "
      "JOIN dependencies AS d ON d.run = m.run JOIN runs AS n ON n.run_id = d.needs_run "
      "WHERE m.sweep = ? AND r.status = 'pending' AND n.status != 'done' "
      "ORDER BY m.position, n.run_id",
      sweep);
}

StatusCounts count_runs(Database& database, const std::string& sweep) {
  StatusCounts counts;
  Query row(database,
            "SELECT status, count(*) FROM runs WHERE ?1 = '' OR run_id IN "
            "(SELECT run FROM sweep_runs WHERE sweep = ?1) GROUP BY status",
            sweep);
  while (row.next()) count(counts, row.text(0), row.integer(1));
  return counts;
}

std::string find_run(Database& database, const std::string& run_id_start) {
  const std::string shown = printable(database.path().string());
  const auto found = rows(
      [](const Query& row) { return row.text(0); }, database,
      "SELECT run_id FROM runs WHERE substr(run_id, 1, length(?1)) = ?1 ORDER BY run_id LIMIT 2",
      run_id_start);
  if (found.empty()) {
    throw_input("database '{}': there is no run '{}'; `seqsweep status --runs` lists them", shown,
                printable(run_id_start));
  }
  if (found.size() > 1 && found[0] != run_id_start) {
    throw_input(
        "database '{}': several runs start with '{}', among them {} and {}; give more of "
        "the id",
        shown, printable(run_id_start), found[0], found[1]);
  }
  return found[0];
}

std::vector<StepRow> read_steps(Database& database, const std::string& run_id) {
  return rows(
      [](const Query& row) {
        return StepRow{.step = row.integer(0),
                       .epoch_position = row.real(1),
                       .loss = row.real(2),
                       .batch_size = row.integer(3),
                       .microbatches = row.integer(4),
                       .h = row.real(5),
                       .r = row.real(6),
                       .beta = row.real(7),
                       .c1 = row.real(8),
                       .c2 = row.real(9),
                       .learning_rate = row.real(10)};
      },
      database,
      "SELECT step, epoch_position, loss, batch_size, microbatches, h, r, beta, c1, c2, "
      "learning_rate FROM steps WHERE run = ? ORDER BY step",
      run_id);
}

std::vector<MetricRow> read_metrics(Database& database, const std::string& run_id) {
  return rows(
      [](const Query& row) {
        return MetricRow{row.integer(0), row.text(1), row.text(2), row.real(3)};
      },
      database,
      "SELECT epoch, split, name, value FROM metrics WHERE run = ? ORDER BY epoch, split, name",
      run_id);
}

std::vector<LatencySample> read_latency_samples(Database& database, const std::string& run_id) {
  return rows(
      [](const Query& row) {
        return LatencySample{row.real(0), row.floats(1)};
      },
      database, "SELECT mean_ms, user_ms FROM latency_samples WHERE run = ? ORDER BY sample",
      run_id);
}

std::vector<int32_t> read_user_ranks(Database& database, const std::string& run_id) {
  Query row(database, "SELECT ranks FROM user_ranks WHERE run = ?", run_id);
  return row.next() ? row.int32s(0) : std::vector<int32_t>{};
}

std::vector<AttemptRow> read_attempts(Database& database, const std::string& run_id) {
  return rows(
      [&](const Query& row) {
        return AttemptRow{.run_id = run_id,
                          .number = row.integer(0),
                          .coordinator_epoch = row.integer(1),
                          .worker = row.integer(2),
                          .ranks = row.integer(3),
                          .host = row.text(4),
                          .start_ms = row.integer(5),
                          .end_ms = row.optional_integer(6),
                          .cause = row.text(7),
                          .text = row.text(8),
                          .resumed_from_step = row.optional_integer(9),
                          .last_step = row.optional_integer(10)};
      },
      database,
      "SELECT number, coordinator_epoch, worker, ranks, host, start_ms, end_ms, cause, text, "
      "resumed_from_step, last_step FROM attempts WHERE run = ? ORDER BY number",
      run_id);
}

std::string read_environment(Database& database, const std::string& run_id) {
  Query row(database,
            "SELECT json FROM attempts JOIN environments ON hash = environment WHERE run = ? "
            "ORDER BY number DESC LIMIT 1",
            run_id);
  return row.next() ? row.text(0) : "{}";
}

std::vector<ArtifactRow> read_artifacts(Database& database, const std::string& run_id) {
  return rows(
      [&](const Query& row) {
        return ArtifactRow{run_id, row.text(0), row.text(1), row.integer(2), row.text(3)};
      },
      database, "SELECT kind, path, bytes, sha256 FROM artifacts WHERE run = ? ORDER BY kind",
      run_id);
}

std::vector<DatasetRow> read_datasets(Database& database) {
  return rows(
      [](const Query& row) {
        return DatasetRow{row.text(0), row.text(1), row.integer(2), row.integer(3), row.integer(4)};
      },
      database,
      "SELECT config, name, users, items, interactions FROM datasets ORDER BY name, config");
}

std::vector<LeaseRow> read_leases(Database& database) {
  return rows(
      [](const Query& row) {
        return LeaseRow{.run_id = row.text(0),
                        .attempt = row.integer(1),
                        .renewed_ms = row.integer(2),
                        .phase = row.text(3),
                        .step = row.integer(4),
                        .epoch = row.integer(5),
                        .epochs = row.integer(6),
                        .fraction = row.real(7),
                        .seconds_left = row.real(8)};
      },
      database,
      "SELECT run, attempt, renewed_ms, phase, step, epoch, epochs, fraction, seconds_left "
      "FROM leases ORDER BY run");
}

namespace {

EventRow event_in(const Query& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4)};
}

}  // namespace

std::vector<EventRow> read_events(Database& database, const std::string& run_id, int64_t after_id) {
  return rows(
      event_in, database,
      "SELECT id, time_ms, run, kind, text FROM events WHERE (?1 = '' OR run = ?1) AND id > "
      "?2 ORDER BY id",
      run_id, after_id);
}

std::optional<EventRow> read_newest_event(Database& database, const std::string& kind,
                                          int64_t since_ms) {
  const std::vector<EventRow> newest =
      rows(event_in, database,
           "SELECT id, time_ms, run, kind, text FROM events WHERE kind = ?1 AND time_ms >= ?2 "
           "ORDER BY id DESC LIMIT 1",
           kind, since_ms);
  return newest.empty() ? std::nullopt : std::optional(newest.front());
}

std::vector<CoordinatorRow> read_coordinators(Database& database) {
  return rows(
      [](const Query& row) {
        return CoordinatorRow{row.integer(0), row.text(1), row.integer(2), row.integer(3),
                              row.optional_integer(4)};
      },
      database, "SELECT epoch, host, pid, start_ms, end_ms FROM coordinators ORDER BY epoch");
}

}  // namespace seqsweep
