// The loop of rank 0: gives runs to workers, stores what they report, sees to it that every run
// ends. It has no opinions: the scheduler decides who trains what, the store what a message still
// counts for. One thread; time, messages and requests come in at tick(), so that tests drive it.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/control.h"
#include "coordinator/failure_watch.h"
#include "coordinator/progress.h"
#include "coordinator/pruner.h"
#include "coordinator/roster.h"
#include "coordinator/run_queue.h"
#include "coordinator/scheduler.h"
#include "core/base/clock.h"
#include "core/protocol/transport.h"
#include "db/queries.h"
#include "db/run_store.h"

namespace seqsweep {

struct CoordinatorSettings {
  std::string sweep;                  // Its name in the store.
  std::filesystem::path database;     // Requests are looked for beside it.
  std::filesystem::path runs_folder;  // A folder a run below it: checkpoints, the trained model.
  std::filesystem::path data_dir;     // Of the workers: raw and cached data sets.
  double lease_s = 600;               // An attempt that did not get on for so long is lost.
  DatasetSizes dataset_sizes;
  std::optional<PruneConfig> prune;  // Which runs are stopped early.
  int64_t ranks_per_gpu = 1;         // That train on it at once.
  RetryRule retry;                   // Of runs that failed by the world or for want of memory.
  double drain_grace_s = 60;         // For workers to checkpoint.
  double disk_full_wait_s = 0;       // For someone to make room; 0: a full disk ends the sweep.
  // The command that starts a worker in the place of one that died; nothing: none is started.
  std::function<std::vector<std::string>(int64_t rank, const Hello& dead)> replacement;
  std::function<bool()> stop_requested = [] { return false; };  // Asked at every tick.
};

class Coordinator {
 public:
  // The store holds the sweep's runs (RunStore::add_sweep). References are borrowed.
  Coordinator(CoordinatorSettings settings, std::vector<SweepRun> runs, RunStore& store,
              Transport& transport, const Clock& clock, ProgressView& view);

  // Ticks until the end and returns the exit code: done, some runs failed, or interrupted. Throws
  // Error (World, DiskFull) when the sweep cannot go on; started again, it goes on where it was.
  int run();

  // One round: waits up to timeout_ms for a message, then does what is due.
  void tick(int64_t timeout_ms);

  // Every worker checkpoints and gives its run back; none is started any more.
  void drain(const std::string& why);

  bool ended() const { return ended_; }  // Shutdown was sent to every worker.
  int exit_code();
  // Some workers do not answer, and may never leave by themselves.
  bool lost_workers() const { return roster_.lost() > 0; }
  std::vector<Hello> silent_workers() const;  // Those of them that may live.

 private:
  void receive(int64_t timeout_ms);
  void work();  // All that may meet a full disk; then the next call takes up where it left off.
  void wait_for_room(const Error& error);

  void apply_inbox();
  void apply(int peer, const Hello& hello);
  void apply(int peer, const Progress& progress);
  void apply(int peer, const Finished& finished);
  void learn(const Attempt& attempt, const RunResult& result);
  void apply(int peer, const Failed& failed);
  void apply(int peer, const Interrupted& interrupted);
  void store_progress();
  void prune(const Progress& progress);

  void apply_requests();
  void apply(const Request& request);
  void cancel(const std::string& run_id);

  void expire_leases();
  bool awaits_comeback() const;
  void tell_stack(const std::string& run_id, int64_t rank);
  void bury_dead();
  void replace_dead();
  void fail(const Ticket& ticket, const std::string& cause, const std::string& text);
  void dispatch();
  void start(const std::vector<Scheduler::Start>& starts);
  void fit_to_workers();
  void tell_crowd(int64_t rank);
  void stop_when_alike();
  bool nothing_is_left();
  void end();

  void read_queue();
  void estimate_anew();
  void estimate_anew_at_times();
  void release(const Ticket& ticket);
  void tell(int peer, Message message);
  void tell_group(const Attempt& attempt, const Message& message);
  void send_told();
  void note(const std::string& kind, const std::string& text, const std::string& run_id);
  SweepState state() const;
  static int64_t ms(double seconds) { return static_cast<int64_t>(seconds * 1000); }
  int64_t now_ms() const { return clock_.monotonic_ms(); }

  const CoordinatorSettings settings_;
  RunStore& store_;
  Transport& transport_;
  const Clock& clock_;
  ProgressView& view_;
  Pruner pruner_;
  RunQueue queue_;
  Scheduler scheduler_;
  Roster roster_;

  std::deque<Envelope> inbox_;       // Received and not yet applied.
  std::vector<Progress> unstored_;   // Applied and not yet stored.
  std::deque<Envelope> outbox_;      // To be sent when what it tells of is on the disk.
  std::deque<Request> requests_;     // Taken and not yet applied.
  std::deque<int> dead_;             // Ranks that died, not yet acted upon.
  std::deque<int64_t> unreplaced_;   // Those that may be replaced once there is work for them.
  std::deque<int64_t> replaced_ms_;  // When others were, within the last hour.
  FailureWatch watch_;
  StatusCounts counts_;

  bool changed_ = true;  // Something that a decision may depend on.
  bool ended_ = false;
  bool stopped_ = false;            // No run is started any more.
  bool told_crowd_ = false;         // That some workers wait for others of their GPU.
  bool told_replaced_ = false;      // That no more are started anew within the hour.
  bool estimates_are_old_ = false;  // Something was learnt since they were made.
  int64_t estimate_not_before_ms_ = 0;
  int64_t stored_ms_ = 0, looked_ms_ = 0, scheduled_ms_ = 0;
  std::optional<int64_t> lost_ms_;  // When the last worker hung.
  std::optional<int64_t> draining_since_ms_, leaving_since_ms_, disk_full_since_ms_;
};

}  // namespace seqsweep
