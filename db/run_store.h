// The coordinator's side of the database, and its only writer. Every function is one transaction,
// which is on the disk for good after the next sync(): nobody is told of it before. It first makes
// sure that no younger coordinator has taken over: then it throws (Fault::World, "fenced") and
// writes nothing. A full disk throws Fault::DiskFull and changes nothing: the same call may be
// repeated when there is room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/protocol/message.h"
#include "db/database.h"
#include "db/database_lock.h"

namespace seqsweep {

struct PlannedRun {
  std::string run_id;
  Json config;                     // Resolved.
  std::vector<std::string> needs;  // Runs whose artifacts it needs.
};

struct AttemptPlace {  // Where an attempt runs.
  int64_t worker = 0;  // World rank of the group's leader.
  int64_t ranks = 1;   // Of the group.
  std::string host;
  std::string environment;  // JSON; its git_commit shows in results.
};

struct StartedRun {
  std::string run_id;
  AttemptPlace place;
};

enum class AfterFailure { Retry, GiveUp };

class RunStore {
 public:
  // Makes the database when it is missing. Waits lock_wait_s for a coordinator that is just ending.
  // Runs that a dead coordinator left running are pending again.
  explicit RunStore(const std::filesystem::path& path, double lock_wait_s = 5,
                    const Clock& clock = system_clock());
  ~RunStore();
  RunStore(const RunStore&) = delete;
  RunStore& operator=(const RunStore&) = delete;

  int64_t epoch() const { return epoch_; }
  Database& database() { return database_; }  // For the functions of queries.h.

  void sync() { database_.sync(); }  // One wait for the disk, for all calls before it.

  // The sweep's grid in its order. Runs that exist, from an earlier start or in another sweep, keep
  // what they have. A sweep of the same name gets the new grid; runs that no sweep asks for any
  // more and that were never tried are dropped.
  void add_sweep(const std::string& name, const std::string& yaml,
                 std::span<const PlannedRun> runs);

  // Pending runs of the sweep in grid order, without those that wait for another run.
  std::vector<std::string> queue(const std::string& sweep);
  // Those that waited for this run, which is done, and wait for no other.
  std::vector<std::string> ready_after(const std::string& run_id);

  // New attempts at pending runs, all or none.
  std::vector<Ticket> start_attempts(std::span<const StartedRun> runs);
  Ticket start_attempt(const std::string& run_id, const AttemptPlace& place);

  // Renews leases and stores rows; what comes under an older ticket is dropped. Rows of earlier
  // attempts from the same step, or epoch, on are replaced. Returns how many were stored.
  size_t store_progress(std::span<const Progress> progress);

  // True: the result is stored, now or by an earlier call. False: the ticket is an older one.
  [[nodiscard]] bool finish(const Ticket& ticket, const RunResult& result);

  // Attempts at the run that ended with one of these causes.
  int64_t count_attempts(const std::string& run_id, std::span<const std::string_view> causes);

  // The end of an attempt. False: the ticket is an older one and nothing changed.
  bool fail(const Ticket& ticket, const std::string& cause, const std::string& text,
            AfterFailure after);
  bool interrupt(const Ticket& ticket, int64_t step);

  // Of the run that find_run() finds. False: its status does not allow it: a run that is done is
  // not cancelled, and only one that failed or was cancelled is tried again; with it the runs that
  // it needs. A run fails, untried, with one that it needs, and is pending again with it.
  bool cancel(const std::string& run_id_start, const std::string& cause = "cancelled",
              const std::string& text = "");
  bool retry(const std::string& run_id_start);
  int64_t retry_failed();  // How many.

  void add_event(const std::string& kind, const std::string& text, const std::string& run_id = "");
  void add_artifact(const std::string& run_id, const std::string& kind,
                    const std::filesystem::path& path);

 private:
  template <typename Body>
  auto write(Body&& body);  // In one transaction, unless fenced.
  void require_not_fenced();
  void take_over();
  void recover();
  Ticket begin_attempt(const std::string& run_id, const AttemptPlace& place);
  bool is_current(const Ticket& ticket);
  bool has_finished(const Ticket& ticket);
  void end_attempt(const std::string& run_id, const std::string& cause, const std::string& text);
  void set_status(const std::string& run_id, const char* status, const std::string& error = "");
  void settle_dependents();

  const Clock& clock_;
  DatabaseLock lock_;
  Database database_;
  int64_t epoch_ = 0;
};

}  // namespace seqsweep
