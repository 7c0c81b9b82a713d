// The runs of a sweep that wait for workers, in grid order: what each needs, how long it is likely
// to take, and when a failed one may be tried again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "coordinator/plan.h"
#include "coordinator/scheduler.h"
#include "db/run_store.h"

namespace seqsweep {

struct RetryRule {
  int64_t retries_max = 2;  // Of one run, since the coordinator started.
  double delay_s = 5;       // Before the first one; doubles.
};

class RunQueue {
 public:
  RunQueue(std::vector<SweepRun> runs, RetryRule rule);

  const SweepRun& run(const std::string& run_id) const;  // Of the sweep, waiting or not.
  std::string label(const std::string& run_id) const;    // Its id when it is none of the sweep's.
  int64_t size() const { return static_cast<int64_t>(runs_.size()); }
  bool is_needed(const std::string& run_id) const {
    return needed_.contains(run_id);
  }  // By others.

  void refill(std::span<const QueuedRun> pending);
  void remove(const std::string& run_id);
  bool empty() const { return waiting_.empty(); }
  std::vector<WaitingRun> waiting() const;
  std::vector<std::optional<double>> estimates_s() const;

  bool may_retry(const std::string& run_id) const;
  void note_failure(const std::string& run_id, int64_t now_ms);  // Puts the next try off.
  // A run took so long; those that differ in the seed alone will too.
  void note_duration(const std::string& run_id, double seconds);

 private:
  struct Failures {
    int64_t count = 0;
    int64_t not_before_ms = 0;
  };
  struct Durations {
    double sum_s = 0;
    int64_t count = 0;
  };

  std::optional<double> estimate_s(const SweepRun& run) const;

  RetryRule rule_;
  std::vector<SweepRun> runs_;
  std::map<std::string, size_t> index_;         // Of runs_, by id.
  std::set<std::string> needed_;                // Runs that others need.
  std::vector<std::string> waiting_;            // In grid order.
  std::map<std::string, Failures> failures_;    // By run.
  std::map<std::string, Durations> durations_;  // By the label without the seed.
};

}  // namespace seqsweep
