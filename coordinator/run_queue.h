// What the coordinator knows of the runs of a sweep: what each needs, how long it is likely to take
// and how much memory, which ones come behind it, and when a failed one may be tried again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/devices.h"
#include "coordinator/estimator.h"
#include "coordinator/plan.h"
#include "coordinator/waiting_runs.h"

namespace seqsweep {

struct RetryRule {
  int64_t retries_max = 2;  // Of one run, since the coordinator started.
  double delay_s = 5;       // Before the first one; doubles.
};

class RunQueue {
 public:
  RunQueue(std::vector<SweepRun> runs, RetryRule rule, Estimator estimator = Estimator());

  bool has(const std::string& run_id) const { return index_.contains(run_id); }
  const SweepRun& run(const std::string& run_id) const;  // Of the sweep, waiting or not.
  std::string label(const std::string& run_id) const;    // Its id when it is none of the sweep's.
  bool is_needed(const std::string& run_id) const;       // By others.

  // As the scheduler needs it now.
  WaitingRun waiting(const std::string& run_id) const;

  bool may_retry(const std::string& run_id) const;
  void note_failure(const std::string& run_id, int64_t now_ms);  // Puts the next try off.

  bool all_on_cpu() const { return all_on_cpu_; }  // By train.device: then no GPU is of use.
  // What the workers compute on: estimates are for it, for GPUs when any has one. True: it was
  // another one.
  bool set_device(const std::string& device);
  // By run: so much memory a rank is planned. It counts until some was measured.
  void plan_memory(std::map<std::string, int64_t> bytes) { planned_ = std::move(bytes); }
  // A run took so long. True: so much was learnt since the last time that all estimates had better
  // be made anew.
  bool learn(const std::string& run_id, const std::string& device, double seconds);
  // A rank of it held so much. True: others had better be expected anew.
  bool learn_memory(const std::string& run_id, const std::string& device, double bytes);
  // It failed for want of memory on such a device: it and its like get twice as much, at least the
  // share of one of the device's workers; when that is all, or nothing was known, the whole device.
  void note_shortage(const std::string& run_id, const Devices::Share& device);
  bool knows_any() const { return estimator_.knows_any(); }  // Else estimates are guesses.

 private:
  struct Failures {
    int64_t count = 0;
    int64_t not_before_ms = 0;
  };
  struct Known {
    RunKind kind;
    int64_t turn = 0;           // The number of its seed.
    std::vector<size_t> users;  // Runs that need it.
  };

  double path_s(size_t run) const;
  std::optional<ExpectedMemory> memory(size_t run) const;  // Nothing: not known.
  int64_t unknown_bytes(size_t run) const;
  bool uses_device(size_t run) const;  // The workers' kind, not the CPU beside their GPUs.

  RetryRule rule_;
  Estimator estimator_;
  std::vector<SweepRun> runs_;
  std::vector<Known> known_;                  // As runs_.
  std::map<std::string, size_t> index_;       // Of runs_, by id.
  std::map<std::string, Failures> failures_;  // By run.
  std::map<std::string, int64_t> planned_;    // Bytes by run.
  bool all_on_cpu_;
  std::string device_ = "cpu";
  int64_t learnt_ = 0, learnt_next_ = 1;
};

}  // namespace seqsweep
