#include "tools/report/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/base/host.h"
#include "core/base/text.h"
#include "db/database_lock.h"
#include "db/queries.h"

namespace seqsweep {
namespace {

double attempts_seconds(Database& database, const std::string& run_id) {
  int64_t total_ms = 0;
  for (const AttemptRow& attempt : read_attempts(database, run_id)) {
    total_ms += attempt.end_ms.value_or(attempt.start_ms) - attempt.start_ms;
  }
  return static_cast<double>(total_ms) / 1000;
}

// What runs took from first to last, by model and data set.
class Durations {
 public:
  void add(const ResultRow& run, double seconds) {
    same_[{run.model, run.dataset}].add(seconds);
    all_.add(seconds);
  }
  // The mean of its like, else of all; nothing when no run is done.
  std::optional<double> expect(const ResultRow& run) const {
    const auto same = same_.find({run.model, run.dataset});
    if (same != same_.end()) return same->second.seconds / same->second.runs;
    if (all_.runs > 0) return all_.seconds / all_.runs;
    return std::nullopt;
  }

 private:
  struct Sum {
    double seconds = 0, runs = 0;
    void add(double x) {
      seconds += x;
      runs += 1;
    }
  };
  std::map<std::pair<std::string, std::string>, Sum> same_;
  Sum all_;
};

std::optional<double> time_to_go(const std::vector<ResultRow>& runs,
                                 const std::vector<RunningRun>& running,
                                 const Durations& durations) {
  if (running.empty()) return std::nullopt;
  double work_s = 0, longest_s = 0;
  for (const RunningRun& one : running) {
    std::optional<double> left;
    if (one.lease && std::isfinite(one.lease->seconds_left)) left = one.lease->seconds_left;
    if (!left) left = durations.expect(one.run);
    if (!left) return std::nullopt;
    work_s += *left;
    longest_s = std::max(longest_s, *left);
  }
  for (const ResultRow& run : runs) {
    if (run.status != "pending") continue;
    const std::optional<double> expected = durations.expect(run);
    if (!expected) return std::nullopt;
    work_s += *expected;
  }
  return std::max(longest_s, work_s / static_cast<double>(running.size()));
}

// A coordinator that was killed told nobody of its end, but holds no lock. Not every file system
// shows the locks of other hosts, or has any: then it is as alive as its runs.
bool is_alive(const Database& database, const CoordinatorRow& coordinator,
              const std::vector<LeaseRow>& leases, int64_t now_ms) {
  constexpr int64_t kRecentMs = 600'000;
  if (coordinator.end_ms) return false;
  const std::optional<bool> locked = is_locked(database.path());
  if (locked && (*locked || coordinator.host == host_name())) return *locked;
  return std::ranges::any_of(
      leases, [&](const LeaseRow& lease) { return now_ms - lease.renewed_ms < kRecentMs; });
}

SweepStatus sweep_status(Database& database, const SweepRow& sweep,
                         const std::vector<LeaseRow>& leases, bool all_runs) {
  SweepStatus status{.name = sweep.name, .runs = sweep.runs};
  const std::vector<ResultRow> runs = read_results(database, sweep.name);
  std::map<std::string, std::vector<std::string>> needs;
  for (WaitingRow& row : read_waiting(database, sweep.name)) {
    needs[row.run_id].push_back(std::move(row.needs_run));
  }
  Durations durations;
  for (const ResultRow& run : runs) {
    if (const auto waits = needs.find(run.run_id); waits != needs.end()) {
      status.waiting.emplace_back(run, waits->second);
    }
    if (run.status == "failed") status.failed.push_back(run);
    if (run.status == "done") durations.add(run, attempts_seconds(database, run.run_id));
    if (all_runs && run.status == "done") status.done.push_back(run);
    if (all_runs && run.status == "cancelled") status.cancelled.push_back(run);
    if (all_runs && run.status == "pending" && !needs.contains(run.run_id)) {
      status.left.push_back(run);
    }
    if (run.status == "running") {
      const auto lease = std::ranges::find(leases, run.run_id, &LeaseRow::run_id);
      status.running.push_back({run, lease == leases.end() ? std::nullopt : std::optional(*lease)});
    }
  }
  status.seconds_left = time_to_go(runs, status.running, durations);
  return status;
}

std::string run_text(const ResultRow& run) {
  return fmt::format("  {}  {} on {}, {}, seed {}", printable(run.run_id), printable(run.model),
                     printable(run.dataset), printable(run.optimizer), run.seed);
}

std::string lease_text(const LeaseRow& lease, int64_t now_ms) {
  std::string text = fmt::format("{}, epoch {}/{}, step {}", printable(lease.phase), lease.epoch,
                                 lease.epochs, lease.step);
  if (std::isfinite(lease.fraction)) text += fmt::format(", {:.0f} %", 100 * lease.fraction);
  if (std::isfinite(lease.seconds_left)) {
    text += fmt::format(", {} to go", human_duration(lease.seconds_left));
  }
  const double silent_s =
      static_cast<double>(std::max<int64_t>(0, now_ms - lease.renewed_ms)) / 1e3;
  return text + fmt::format(" (heard {} ago)", human_duration(std::round(silent_s)));
}

std::string counts_text(const SweepStatus& sweep) {
  const StatusCounts& runs = sweep.runs;
  std::string text = fmt::format("{} of {} runs done, {} running, {} failed, {} left", runs.done,
                                 runs.total(), runs.running, runs.failed, runs.pending);
  if (runs.cancelled > 0) text += fmt::format(", {} cancelled", runs.cancelled);
  if (sweep.seconds_left) text += fmt::format("; {} to go", human_duration(*sweep.seconds_left));
  return text;
}

std::string lines_of(const std::vector<ResultRow>& runs, const char* title) {
  std::string text = runs.empty() ? "" : fmt::format("{}:\n", title);
  for (const ResultRow& run : runs) text += run_text(run) + "\n";
  return text;
}

// A line a run, but not more than fit a screen.
std::string waiting_text(const SweepStatus& sweep) {
  constexpr size_t kLinesMax = 20;
  if (sweep.waiting.empty()) return "";
  std::string text = "waiting for other runs:\n";
  for (size_t i = 0; i < std::min(sweep.waiting.size(), kLinesMax); ++i) {
    const auto& [run, needs] = sweep.waiting[i];
    text += fmt::format("{}: waits for {} {}\n", run_text(run), needs.size() == 1 ? "run" : "runs",
                        printable(join(needs, ", ")));
  }
  if (sweep.waiting.size() > kLinesMax) {
    text += fmt::format("  and {} more\n", sweep.waiting.size() - kLinesMax);
  }
  return text;
}

// A JSON text; invalid UTF-8 and control characters made visible first.
Json run_json(const ResultRow& run) {
  return {{"run_id", printable(run.run_id)},
          {"dataset", printable(run.dataset)},
          {"model", printable(run.model)},
          {"optimizer", printable(run.optimizer)},
          {"seed", run.seed},
          {"attempts", run.attempts}};
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json runs_json(const std::vector<ResultRow>& runs) {
  Json list = Json::array();
  for (const ResultRow& run : runs) list.push_back(run_json(run));
  return list;
}

Json sweep_json(const SweepStatus& sweep, bool all_runs) {
  Json running = Json::array(), failed = Json::array();
  for (const auto& [run, lease] : sweep.running) {
    running.push_back(run_json(run));
    if (!lease) continue;
    running.back().update({{"phase", printable(lease->phase)},
                           {"step", lease->step},
                           {"epoch", lease->epoch},
                           {"epochs", lease->epochs},
                           {"fraction", number_or_null(lease->fraction)},
                           {"seconds_left", number_or_null(lease->seconds_left)},
                           {"renewed_ms", lease->renewed_ms}});
  }
  for (const ResultRow& run : sweep.failed) {
    failed.push_back(run_json(run));
    failed.back()["error"] = printable(run.error);
  }
  Json waiting = Json::array();
  for (const auto& [run, needs] : sweep.waiting) {
    waiting.push_back(run_json(run));
    waiting.back()["waits_for"] = needs;
  }
  Json json = {
      {"name", printable(sweep.name)},
      {"done", sweep.runs.done},
      {"left", sweep.runs.pending},
      {"cancelled", sweep.runs.cancelled},
      {"total", sweep.runs.total()},
      {"running", running},
      {"failed", failed},
      {"waiting", waiting},
      {"seconds_left", sweep.seconds_left ? number_or_null(*sweep.seconds_left) : Json(nullptr)}};
  if (all_runs) {
    json["runs"] = {{"done", runs_json(sweep.done)},
                    {"cancelled", runs_json(sweep.cancelled)},
                    {"left", runs_json(sweep.left)}};
  }
  return json;
}

}  // namespace

Status read_status(Database& database, int64_t now_ms, bool all_runs) {
  Status status{.now_ms = now_ms, .all_runs = all_runs};
  const std::vector<CoordinatorRow> coordinators = read_coordinators(database);
  const std::vector<LeaseRow> leases = read_leases(database);
  status.coordinator_alive =
      !coordinators.empty() && is_alive(database, coordinators.back(), leases, now_ms);
  if (status.coordinator_alive) {
    const auto noted = read_newest_event(database, "ranks_per_gpu", coordinators.back().start_ms);
    if (noted) status.crowd = noted->text;
  }
  for (const SweepRow& sweep : read_sweeps(database)) {
    status.sweeps.push_back(sweep_status(database, sweep, leases, all_runs));
    if (!status.coordinator_alive) status.sweeps.back().seconds_left.reset();
  }
  return status;
}

std::string status_text(const Status& status) {
  if (status.sweeps.empty()) return "no sweep was started yet\n";
  std::string text;
  bool work_left = false;
  for (const SweepStatus& sweep : status.sweeps) {
    text += fmt::format("{}: {}\n", printable(sweep.name), counts_text(sweep));
    text += lines_of(sweep.done, "done");
    if (!sweep.running.empty()) {
      text += status.coordinator_alive ? "running:\n" : "running when the coordinator died:\n";
    }
    for (const auto& [run, lease] : sweep.running) {
      text += run_text(run) + ": " +
              (lease && lease->phase != "start" ? lease_text(*lease, status.now_ms) : "starting") +
              "\n";
    }
    if (!sweep.failed.empty()) text += "failed:\n";
    for (const ResultRow& run : sweep.failed) {
      text +=
          fmt::format("{}, attempt {}: {}\n", run_text(run), run.attempts, printable(run.error));
    }
    text += lines_of(sweep.cancelled, "cancelled");
    text += lines_of(sweep.left, "left");
    text += waiting_text(sweep);
    work_left |= sweep.runs.pending + sweep.runs.running > 0;
  }
  if (work_left && !status.crowd.empty()) text += printable(status.crowd) + "\n";
  if (work_left && !status.coordinator_alive) {
    text += "Nobody is working on it: `seqsweep sweep` with the same file and --db goes on.\n";
  }
  return text;
}

Json status_json(const Status& status) {
  Json sweeps = Json::array();
  for (const SweepStatus& sweep : status.sweeps) {
    sweeps.push_back(sweep_json(sweep, status.all_runs));
  }
  return {{"coordinator_alive", status.coordinator_alive},
          {"crowd", printable(status.crowd)},
          {"sweeps", sweeps}};
}

}  // namespace seqsweep
