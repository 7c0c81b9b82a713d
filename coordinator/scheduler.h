// Who trains what. Pure policy: told the same in the same order, it decides the same. Kept apart
// from the coordinator's loop so that simulator.h and tests can play it. An event costs a few steps
// however many runs wait and workers exist.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/waiting_runs.h"
#include "coordinator/worker_pool.h"

namespace seqsweep {

// Runs start by priority, then by turns: all runs of the first seed, then of the next, so that
// partial tables fill evenly. Of a turn the longest first, and of runs in the same turn one whose
// data set a free worker holds. Once so little is left that the longest run would end last, the
// longest first of all. A run on k ranks needs k free workers at once, on one host if possible. The
// first run that must wait for workers gets a reservation: runs behind it start only if they do not
// delay it (EASY backfilling, Lifka 1995), so that a large run does not starve.
class Scheduler {
 public:
  explicit Scheduler(int64_t workers) : workers_(workers) {}  // World ranks from 1, not yet ready.

  // ---- what waits ----
  void add(WaitingRun run) { waiting_.add(std::move(run)); }
  void remove(const std::string& run_id) { waiting_.remove(run_id); }
  const WaitingRuns& waiting() const { return waiting_; }

  // ---- workers ----
  void greet(int64_t rank, const std::string& host) { workers_.greet(rank, host); }
  void release(std::span<const int64_t> members);   // Of a run that ended; also of a lost one.
  void lose(std::span<const int64_t> members);      // They do not answer; they may come back.
  void bury(int64_t rank) { workers_.bury(rank); }  // It died, and is never free again.
  // Another process has a dead one's number; it trains runs on one rank alone, once it is greeted.
  void replace(int64_t rank) { workers_.replace(rank); }
  int64_t workers() const { return workers_.size(); }  // All but the lost and dead ones.
  int64_t ranks_max() const;                           // That a run can have.
  double left_per_worker_s(int64_t now_ms) const;      // Of what runs and what waits.
  // When the run of this leader, the first of its members, is likely to end.
  void expect_end(int64_t leader, int64_t end_ms);

  // ---- decisions ----
  struct Start {
    std::string run_id;
    std::vector<int64_t> members;  // World ranks, ascending.
  };
  // The runs that start now, on free workers, which are busy then.
  std::vector<Start> start(int64_t now_ms);

  // Runs that need more than ranks_max().
  std::vector<std::string> impossible() const;
  // Why a waiting run does; for people.
  std::string reason(const std::string& run_id, int64_t now_ms) const;

 private:
  struct Running {
    int64_t ranks = 0, end_ms = 0;
  };
  struct Reservation {  // The place kept for the first run that waits for workers.
    std::string label;
    int64_t ranks = 0;
    std::optional<int64_t> at_ms;  // When so many will be free; nothing: not known.
    int64_t spare = 0;             // Workers that will be free then beyond those.
  };

  WaitingRuns::Order order(int64_t now_ms) const;
  const WaitingRun& with_data_at_hand(const WaitingRun& first) const;
  Reservation reserve(const WaitingRun& run, int64_t now_ms) const;
  int64_t ranks_free() const;  // The most ranks of a run that starts now.
  void fill_alone(int64_t now_ms, std::vector<Start>& starts);
  void fill_behind(int64_t now_ms, std::vector<Start>& starts);
  Start place(const WaitingRun& run, int64_t now_ms);
  void forget(int64_t leader);

  WaitingRuns waiting_;
  WorkerPool workers_;
  std::map<int64_t, Running> running_;          // By leader.
  std::set<std::pair<int64_t, int64_t>> ends_;  // Expected end and leader of each.
  double ends_sum_ms_ = 0;                      // Of their ends, each times its ranks.
  int64_t busy_ = 0;                            // Their ranks.
  std::optional<Reservation> reserved_;         // By the last start().
};

}  // namespace seqsweep
