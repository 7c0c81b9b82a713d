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
// longest first of all. A run on k ranks needs k free workers at once, on one host if possible, on
// devices that have a place and enough memory for each. The first run that must wait for that gets
// a reservation: runs behind it start only if they do not delay it (EASY backfilling, Lifka 1995),
// so that a large run does not starve.
class Scheduler {
 public:
  // World ranks from 1, not yet ready. So many of them at once train on one GPU.
  explicit Scheduler(int64_t workers, int64_t ranks_per_gpu = 1)
      : workers_(workers, ranks_per_gpu) {}

  // ---- what waits ----
  void add(WaitingRun run) { waiting_.add(std::move(run)); }
  void remove(const std::string& run_id) { waiting_.remove(run_id); }
  const WaitingRuns& waiting() const { return waiting_; }

  // ---- workers ----
  void greet(int64_t rank, const WorkerPlace& place) { workers_.greet(rank, place); }
  void release(std::span<const int64_t> members);   // Of a run that ended; also of a lost one.
  void lose(std::span<const int64_t> members);      // They do not answer; they may come back.
  void bury(int64_t rank) { workers_.bury(rank); }  // It died, and is never free again.
  // Another process has a dead one's number; it trains runs on one rank alone, once it is greeted.
  void replace(int64_t rank) { workers_.replace(rank); }
  int64_t workers() const { return workers_.size(); }         // All but the lost and dead ones.
  int64_t ranks_max() const { return workers_.ranks_max(); }  // That a run can have.
  int64_t capacity() const { return workers_.capacity(); }    // So many may train at once.
  Devices::Share device_of(int64_t rank) const { return workers_.share(rank); }
  double left_per_worker_s(int64_t now_ms) const;  // Of what runs and what waits.
  // When the run of this leader, the first of its members, is likely to end.
  void expect_end(int64_t leader, int64_t end_ms);

  // ---- decisions ----
  struct Start {
    std::string run_id;
    std::vector<int64_t> members;  // World ranks, ascending.
  };
  // The runs that start now, on free workers, which are busy then.
  std::vector<Start> start(int64_t now_ms);

  // Runs that need more than ranks_max(), or, as is known, more memory than there is; the lost ones
  // not counted. Comes before start(): runs that are only guessed to need more memory, or that need
  // more ranks than have a place, get whole devices.
  std::vector<std::string> impossible();
  // Why a waiting run does; for people.
  std::string reason(const std::string& run_id, int64_t now_ms) const;

 private:
  struct Running {
    std::vector<int64_t> members;
    int64_t end_ms = 0;
    double ranks() const { return static_cast<double>(members.size()); }
  };
  struct Reservation {  // The places kept for the first run that waits for them.
    std::string label;
    std::optional<int64_t> at_ms;   // When they will be there; nothing: not known.
    std::map<size_t, Room> beside;  // By device: what is left there then for runs behind it.
  };

  WaitingRuns::Order order(int64_t now_ms) const;
  const WaitingRun& with_data_at_hand(const WaitingRun& first) const;
  bool fits(const WaitingRun& run) const { return workers_.fits(run.ranks, run.bytes); }
  Reservation reserve(const WaitingRun& run, int64_t now_ms) const;
  void hold_reserved(bool held);
  void fill_behind(int64_t now_ms, std::vector<Start>& starts);
  std::string shortage(const WaitingRun& run) const;
  Start place(const WaitingRun& run, int64_t now_ms);
  void forget(int64_t leader);

  WaitingRuns waiting_;
  WorkerPool workers_;
  std::map<int64_t, Running> running_;          // By leader.
  std::set<std::pair<int64_t, int64_t>> ends_;  // Expected end and leader of each.
  double ends_sum_ms_ = 0;                      // Of their ends, each times its ranks.
  double busy_ = 0;                             // Their ranks.
  std::optional<Reservation> reserved_;         // By the last start().
};

}  // namespace seqsweep
