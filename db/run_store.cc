#include "db/run_store.h"

#include <unistd.h>

#include <limits>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "db/queries.h"
#include "db/result_rows.h"

namespace seqsweep {
namespace {

// Of a row of runs: all that it needs is done.
constexpr const char* kIsReady =
    "runs.status = 'pending' AND NOT EXISTS ("
    "  SELECT 1 FROM dependencies AS d JOIN runs AS n ON n.run_id = d.needs_run "
    "  WHERE d.run = runs.run_id AND n.status != 'done')";

// Environments come from workers: what is no JSON becomes a JSON string.
std::string as_json(const std::string& text) {
  return Json::accept(text) ? text : dump(Json(text));
}

// "" when there is no such run.
std::string status_of(Database& database, const std::string& run_id) {
  Query run(database, "SELECT status FROM runs WHERE run_id = ?", run_id);
  return run.next() ? run.text(0) : "";
}

int64_t newest_epoch(Database& database) {
  Query newest(database, "SELECT max(epoch) FROM coordinators");
  newest.next();
  return newest.integer(0);
}

void drop_unasked_runs(Database& database) {
  database.run(
      "DELETE FROM dependencies WHERE run IN (SELECT run_id FROM runs WHERE status = 'pending' "
      "AND attempts = 0 AND run_id NOT IN (SELECT run FROM sweep_runs))");
  database.run(
      "DELETE FROM runs WHERE status = 'pending' AND attempts = 0 "
      "AND run_id NOT IN (SELECT run FROM sweep_runs) "
      "AND run_id NOT IN (SELECT needs_run FROM dependencies)");
}

}  // namespace

template <typename Body>
auto RunStore::write(Body&& body) {
  WriteTransaction transaction(database_);
  require_not_fenced();
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    transaction.commit();
  } else {
    auto value = body();
    transaction.commit();
    return value;
  }
}

RunStore::RunStore(const std::filesystem::path& path, double lock_wait_s, const Clock& clock)
    : clock_(clock), lock_(path, lock_wait_s), database_(Database::open_for_writing(path)) {
  take_over();
  database_.commit_together();
}

RunStore::~RunStore() {
  try {
    write([&] {
      database_.run("UPDATE coordinators SET end_ms = ? WHERE epoch = ?", clock_.unix_ms(), epoch_);
    });
    sync();
  } catch (const Error& error) {
    log_warning("coordinator's end was not noted: {}", error.what());
  }
}

void RunStore::require_not_fenced() {
  Query newest(database_, "SELECT epoch, pid, host FROM coordinators ORDER BY epoch DESC LIMIT 1");
  if (!newest.next() || newest.integer(0) == epoch_) return;
  throw_world(
      "database '{}': fenced: a younger coordinator (pid {} on host {}) has taken over; "
      "this one writes nothing more and must end",
      printable(database_.path().string()), newest.integer(1), printable(newest.text(2)));
}

void RunStore::take_over() {
  WriteTransaction transaction(database_);
  database_.run(
      "INSERT INTO coordinators (epoch, host, pid, start_ms) "
      "SELECT coalesce(max(epoch), 0) + 1, ?, ?, ? FROM coordinators",
      host_name(), getpid(), clock_.unix_ms());
  epoch_ = newest_epoch(database_);
  recover();
  transaction.commit();
}

void RunStore::recover() {
  std::vector<std::string> left;
  for (Query run(database_, "SELECT run_id FROM runs WHERE status = 'running'"); run.next();) {
    left.push_back(run.text(0));
  }
  for (const std::string& run_id : left) {
    end_attempt(run_id, "coordinator lost", "the coordinator ended before the run did");
    set_status(run_id, "pending");
  }
}

void RunStore::add_sweep(const std::string& name, const std::string& yaml,
                         std::span<const PlannedRun> runs) {
  write([&] {
    database_.run(
        "INSERT INTO sweeps (name, yaml, created_ms) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET yaml = excluded.yaml",
        name, yaml, clock_.unix_ms());
    database_.run("DELETE FROM sweep_runs WHERE sweep = ?", name);
    for (size_t i = 0; i < runs.size(); ++i) {
      database_.run("INSERT OR IGNORE INTO runs (run_id, config) VALUES (?, ?)", runs[i].run_id,
                    dump(runs[i].config));
      database_.run("INSERT OR IGNORE INTO sweep_runs (sweep, run, position) VALUES (?, ?, ?)",
                    name, runs[i].run_id, i);
    }
    for (const PlannedRun& run : runs) {
      for (const std::string& needed : run.needs) {
        database_.run("INSERT OR IGNORE INTO dependencies (run, needs_run) VALUES (?, ?)",
                      run.run_id, needed);
      }
    }
    drop_unasked_runs(database_);
    settle_dependents();
  });
}

std::vector<std::string> RunStore::queue(const std::string& sweep) {
  std::vector<std::string> queue;
  Query run(database_,
            fmt::format("SELECT run_id FROM sweep_runs JOIN runs ON run_id = run "
                        "WHERE sweep = ? AND {} ORDER BY position",
                        kIsReady),
            sweep);
  while (run.next()) queue.push_back(run.text(0));
  return queue;
}

std::vector<std::string> RunStore::ready_after(const std::string& run_id) {
  std::vector<std::string> ready;
  Query run(database_,
            fmt::format("SELECT run_id FROM dependencies AS asked JOIN runs ON run_id = asked.run "
                        "WHERE asked.needs_run = ? AND {} ORDER BY run_id",
                        kIsReady),
            run_id);
  while (run.next()) ready.push_back(run.text(0));
  return ready;
}

std::vector<Ticket> RunStore::start_attempts(std::span<const StartedRun> runs) {
  return write([&] {
    std::vector<Ticket> tickets;
    for (const StartedRun& run : runs) tickets.push_back(begin_attempt(run.run_id, run.place));
    return tickets;
  });
}

Ticket RunStore::start_attempt(const std::string& run_id, const AttemptPlace& place) {
  return write([&] { return begin_attempt(run_id, place); });
}

Ticket RunStore::begin_attempt(const std::string& run_id, const AttemptPlace& place) {
  SEQ_CHECK(status_of(database_, run_id) == "pending");
  const std::string environment = as_json(place.environment);
  const std::string hash = sha256_hex(environment);
  database_.run("INSERT OR IGNORE INTO environments (hash, json) VALUES (?, ?)", hash, environment);
  set_status(run_id, "running");
  database_.run("UPDATE runs SET attempts = attempts + 1 WHERE run_id = ?", run_id);
  const int64_t now_ms = clock_.unix_ms();
  database_.run(
      "INSERT INTO attempts (run, number, coordinator_epoch, worker, ranks, host, environment, "
      "start_ms) SELECT run_id, attempts, ?, ?, ?, ?, ?, ? FROM runs WHERE run_id = ?",
      epoch_, place.worker, place.ranks, place.host, hash, now_ms, run_id);
  Query run(database_, "SELECT attempts FROM runs WHERE run_id = ?", run_id);
  run.next();
  const Ticket ticket{run_id, run.integer(0), epoch_};
  renew_lease(database_,
              {.ticket = ticket,
               .seconds_left = std::numeric_limits<double>::quiet_NaN(),
               .phase = "start"},
              now_ms);
  return ticket;
}

bool RunStore::is_current(const Ticket& ticket) {
  Query attempt(database_,
                "SELECT 1 FROM runs JOIN attempts ON run = run_id AND number = attempts "
                "WHERE run_id = ? AND status = 'running' AND number = ? AND coordinator_epoch = ?",
                ticket.run_id, ticket.attempt, ticket.coordinator_epoch);
  return attempt.next();
}

bool RunStore::has_finished(const Ticket& ticket) {
  Query attempt(database_,
                "SELECT 1 FROM attempts WHERE run = ? AND number = ? AND coordinator_epoch = ? "
                "AND cause = 'done'",
                ticket.run_id, ticket.attempt, ticket.coordinator_epoch);
  return attempt.next();
}

void RunStore::end_attempt(const std::string& run_id, const std::string& cause,
                           const std::string& text) {
  database_.run(
      "UPDATE attempts SET end_ms = ?, cause = ?, text = nullif(?, '') "
      "WHERE run = ? AND end_ms IS NULL",
      clock_.unix_ms(), cause, text, run_id);
  database_.run("DELETE FROM leases WHERE run = ?", run_id);
}

void RunStore::set_status(const std::string& run_id, const char* status, const std::string& error) {
  database_.run("UPDATE runs SET status = ?, error = nullif(?, '') WHERE run_id = ?", status, error,
                run_id);
}

size_t RunStore::store_progress(std::span<const Progress> progress) {
  if (progress.empty()) return 0;
  return write([&] {
    size_t stored = 0;
    for (const Progress& news : progress) {
      if (!is_current(news.ticket)) continue;
      renew_lease(database_, news, clock_.unix_ms());
      store_steps(database_, news.ticket, news.steps);
      store_metrics(database_, news.ticket, news.metrics);
      ++stored;
    }
    return stored;
  });
}

bool RunStore::finish(const Ticket& ticket, const RunResult& result) {
  return write([&] {
    if (has_finished(ticket)) return true;
    if (!is_current(ticket)) return false;
    store_result(database_, ticket, result);
    end_attempt(ticket.run_id, "done", "");
    set_status(ticket.run_id, "done");
    return true;
  });
}

int64_t RunStore::count_attempts(const std::string& run_id,
                                 std::span<const std::string_view> causes) {
  Query attempts(database_, "SELECT cause FROM attempts WHERE run = ? AND cause IS NOT NULL",
                 run_id);
  int64_t count = 0;
  while (attempts.next()) count += std::ranges::count(causes, attempts.text(0));
  return count;
}

bool RunStore::fail(const Ticket& ticket, const std::string& cause, const std::string& text,
                    AfterFailure after) {
  return write([&] {
    if (!is_current(ticket)) return false;
    end_attempt(ticket.run_id, cause, text);
    if (after == AfterFailure::Retry) {
      set_status(ticket.run_id, "pending");
    } else {
      set_status(ticket.run_id, "failed", text.empty() ? cause : text);
      settle_dependents();
    }
    return true;
  });
}

bool RunStore::interrupt(const Ticket& ticket, int64_t step) {
  return write([&] {
    if (!is_current(ticket)) return false;
    database_.run("UPDATE attempts SET last_step = ? WHERE run = ? AND number = ?", step,
                  ticket.run_id, ticket.attempt);
    end_attempt(ticket.run_id, "interrupted", "");
    set_status(ticket.run_id, "pending");
    return true;
  });
}

bool RunStore::cancel(const std::string& run_id_start, const std::string& cause,
                      const std::string& text) {
  return write([&] {
    const std::string run_id = find_run(database_, run_id_start);
    const std::string status = status_of(database_, run_id);
    if (status == "done") return false;
    if (status == "running") end_attempt(run_id, cause, text);
    set_status(run_id, "cancelled", text);
    settle_dependents();
    return true;
  });
}

bool RunStore::retry(const std::string& run_id_start) {
  return write([&] {
    const std::string run_id = find_run(database_, run_id_start);
    const std::string status = status_of(database_, run_id);
    if (status != "failed" && status != "cancelled") return false;
    database_.run(
        "WITH RECURSIVE wanted (id) AS (VALUES (?) UNION "
        "  SELECT needs_run FROM dependencies JOIN wanted ON run = id) "
        "UPDATE runs SET status = 'pending', error = NULL "
        "WHERE run_id IN wanted AND status IN ('failed', 'cancelled')",
        run_id);
    settle_dependents();
    return true;
  });
}

int64_t RunStore::retry_failed() {
  return write([&] {
    const int64_t count =
        database_.run("UPDATE runs SET status = 'pending', error = NULL WHERE status = 'failed'");
    settle_dependents();
    return count;
  });
}

// A run whose needed run will not come fails, untried (attempts = 0), and so do those that need it;
// once all that it needs may come, it is pending again.
void RunStore::settle_dependents() {
  const std::string lost =
      "WITH lost (id, text) AS ("
      "  SELECT r.run_id, 'needs run ' || n.run_id || ' (' || n.model || '), which ' || "
      "    iif(n.status = 'failed', 'failed', 'was cancelled') || "
      "    '; `seqsweep retry` of that one brings this one back' "
      "  FROM runs AS r JOIN dependencies AS d ON d.run = r.run_id "
      "  JOIN runs AS n ON n.run_id = d.needs_run "
      "  WHERE r.status = 'pending' AND n.status IN ('failed', 'cancelled') GROUP BY r.run_id) ";
  const std::string note =
      lost + "INSERT INTO events (time_ms, run, kind, text) SELECT ?, id, 'failed', text FROM lost";
  const std::string give_up = lost +
                              "UPDATE runs SET status = 'failed', error = lost.text FROM lost "
                              "WHERE run_id = lost.id";
  constexpr const char* kBringBack =
      "UPDATE runs SET status = 'pending', error = NULL "
      "WHERE status = 'failed' AND attempts = 0 AND NOT EXISTS ("
      "  SELECT 1 FROM dependencies AS d JOIN runs AS n ON n.run_id = d.needs_run "
      "  WHERE d.run = runs.run_id AND n.status IN ('failed', 'cancelled'))";
  while (database_.run(kBringBack) > 0) continue;
  while (database_.run(note, clock_.unix_ms()) > 0) database_.run(give_up);
}

void RunStore::add_event(const std::string& kind, const std::string& text,
                         const std::string& run_id) {
  write([&] {
    database_.run("INSERT INTO events (time_ms, run, kind, text) VALUES (?, nullif(?, ''), ?, ?)",
                  clock_.unix_ms(), run_id, kind, text);
  });
}

void RunStore::add_artifact(const std::string& run_id, const std::string& kind,
                            const std::filesystem::path& path) {
  const std::string hash = sha256_of_file(path);
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path));
  write([&] {
    database_.run(
        "INSERT OR REPLACE INTO artifacts (run, kind, path, bytes, sha256) VALUES (?, ?, ?, ?, ?)",
        run_id, kind, path.string(), bytes, hash);
  });
}

}  // namespace seqsweep
