#include "coordinator/coordinator.h"

#include <algorithm>
#include <set>

#include "coordinator/history.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int64_t kTickMs = 100;
constexpr int64_t kStoreEveryMs = 100;  // Progress is stored in batches.
constexpr int64_t kLookEveryMs = 1000;  // For requests, and for runs whose time has come.
constexpr int64_t kEstimateShare = 20;  // Times what estimates took, they wait to be made anew.

}  // namespace

Coordinator::Coordinator(CoordinatorSettings settings, std::vector<SweepRun> runs, RunStore& store,
                         Transport& transport, const Clock& clock, ProgressView& view)
    : settings_(std::move(settings)),
      store_(store),
      transport_(transport),
      clock_(clock),
      view_(view),
      pruner_(settings_.prune, runs),
      queue_(std::move(runs), settings_.retry,
             learnt_estimator(store.database(), settings_.dataset_sizes)),
      scheduler_(transport.size() - 1, settings_.ranks_per_gpu),
      roster_(transport.size() - 1, clock.monotonic_ms()) {
  read_queue();
}

int Coordinator::run() {
  while (!ended_) tick(kTickMs);
  return exit_code();
}

void Coordinator::tick(int64_t timeout_ms) {
  if (ended_) return;
  if (settings_.stop_requested()) drain("asked to stop");
  receive(timeout_ms);
  for (const int rank : transport_.take_dead()) dead_.push_back(rank);
  try {
    work();
    send_told();
    if (disk_full_since_ms_) {
      log_info("there is room on the disk again: going on");
      disk_full_since_ms_.reset();
      roster_.renew_all(now_ms());  // Nobody's news was heard meanwhile.
    }
  } catch (const Error& error) {
    if (error.fault() != Fault::DiskFull) throw;
    send_told();  // What was stored before.
    wait_for_room(error);
  }
  if (!ended_ && view_.due(now_ms())) view_.show(state());
}

void Coordinator::work() {
  apply_inbox();
  if (now_ms() - stored_ms_ >= kStoreEveryMs) store_progress();
  // Leases are of no use while a full disk keeps messages waiting.
  bury_dead();
  if (!draining_since_ms_ && !stopped_) replace_dead();
  if (!disk_full_since_ms_) expire_leases();
  apply_requests();
  if (!draining_since_ms_) dispatch();
  if (nothing_is_left()) end();
}

void Coordinator::wait_for_room(const Error& error) {
  if (!disk_full_since_ms_) disk_full_since_ms_ = now_ms();
  if (now_ms() - *disk_full_since_ms_ >= ms(settings_.disk_full_wait_s)) throw error;
  if (now_ms() == *disk_full_since_ms_) {
    log_warning("{}; paused until there is room, for {} at most", error.what(),
                human_duration(settings_.disk_full_wait_s));
  }
}

void Coordinator::drain(const std::string& why) {
  if (draining_since_ms_ || ended_) return;
  draining_since_ms_ = now_ms();
  log_info("draining ({}): every run checkpoints and can be gone on with", why);
  // At once, also while the disk is full.
  for (int rank = 1; rank < transport_.size(); ++rank) transport_.send(rank, Drain{});
}

int Coordinator::exit_code() {
  counts_ = count_runs(store_.database(), settings_.sweep);
  if (counts_.pending + counts_.running > 0) return kExitInterrupted;
  return counts_.failed > 0 ? kExitSomeRunsFailed : kExitDone;
}

std::vector<Hello> Coordinator::silent_workers() const {
  std::vector<Hello> silent;
  for (const int64_t rank : roster_.silent()) silent.push_back(roster_.worker(rank));
  return silent;
}

// ---- requests ----

void Coordinator::apply_requests() {
  if (now_ms() - looked_ms_ >= kLookEveryMs) {
    looked_ms_ = now_ms();
    for (Request& request : take_requests(settings_.database)) {
      requests_.push_back(std::move(request));
    }
  }
  for (; !requests_.empty(); requests_.pop_front()) {
    try {
      apply(requests_.front());
    } catch (const Error& error) {
      if (error.fault() != Fault::Input) throw;
      log_warning("a request was refused: {}", error.what());
    }
  }
}

void Coordinator::apply(const Request& request) {
  switch (request.kind) {
    case Request::Kind::Drain:
      drain("requested");
      return;
    case Request::Kind::Cancel:
      cancel(find_run(store_.database(), request.run_id));
      break;
    case Request::Kind::Retry:
      watch_ = {};
      store_.retry(find_run(store_.database(), request.run_id));
      break;
    case Request::Kind::RetryFailed:
      watch_ = {};
      store_.retry_failed();
      break;
  }
  read_queue();
}

void Coordinator::cancel(const std::string& run_id) {
  if (!store_.cancel(run_id)) {
    log_warning("{}: is done and cannot be cancelled", queue_.label(run_id));
    return;
  }
  if (Attempt* attempt = roster_.find_running(run_id)) {
    roster_.set_over(*attempt);
    tell_group(*attempt, Cancel{attempt->ticket});
  }
  note("cancelled", "by request", run_id);
}

// ---- dispatch ----

void Coordinator::dispatch() {
  const bool due = changed_ || now_ms() - scheduled_ms_ >= kLookEveryMs;
  if (!due || scheduler_.waiting().empty()) return;
  if (watch_.alarm()) return stop_when_alike();
  estimate_anew_at_times();
  fit_to_workers();
  const std::vector<Scheduler::Start> starts = scheduler_.start(now_ms());
  if (!starts.empty()) start(starts);
  scheduled_ms_ = now_ms();
  changed_ = false;
}

void Coordinator::start(const std::vector<Scheduler::Start>& starts) {
  std::vector<StartedRun> rows;
  for (const auto& [run_id, members] : starts) {
    const Hello& worker = roster_.worker(members.front());
    rows.push_back({run_id,
                    {.worker = members.front(),
                     .ranks = static_cast<int64_t>(members.size()),
                     .host = worker.host,
                     .environment = worker.environment}});
  }
  std::vector<Ticket> tickets;
  try {
    tickets = store_.start_attempts(rows);
  } catch (const Error&) {  // Nothing has started: a full disk, say.
    for (const auto& [run_id, members] : starts) {
      scheduler_.release(members);
      scheduler_.add(queue_.waiting(run_id));
    }
    throw;
  }
  for (size_t i = 0; i < starts.size(); ++i) {
    const SweepRun& run = queue_.run(starts[i].run_id);
    const Attempt attempt{.ticket = tickets[i],
                          .label = run.label,
                          .members = starts[i].members,
                          .started_ms = now_ms(),
                          .renewed_ms = now_ms()};
    roster_.begin(attempt);
    --counts_.pending, ++counts_.running;
    tell_group(attempt, Dispatch{.ticket = attempt.ticket,
                                 .config = run.config.json().dump(),
                                 .members = attempt.members,
                                 .folder = (settings_.runs_folder / run.run_id).string(),
                                 .data_dir = settings_.data_dir.string()});
    view_.started(attempt, rows[i].place.host);
  }
  for (const auto& [run_id, members] :
       starts) {  // Once all are on their way: the disk may be full.
    const int64_t wanted = queue_.run(run_id).config.train.ranks;
    if (std::ssize(members) == wanted) continue;
    note("fewer_ranks", fmt::format("on {} of {} ranks: no more are left", members.size(), wanted),
         run_id);
  }
}

// No more runs are fed to what breaks them all. Those that run go on to their end.
void Coordinator::stop_when_alike() {
  if (!stopped_) note("stopped", *watch_.alarm(), "");
  stopped_ = true;
  if (!roster_.none_running()) return;
  send_told();
  throw_world("coordinator: {}; repair the cause and start the sweep again to go on with it",
              *watch_.alarm());
}

// Runs that need more ranks than there ever were fail, and so do those that are known to need more
// memory than there is. Those that need lost ranks make do with the workers that are left: it is
// the same training, up to the order of sums.
void Coordinator::fit_to_workers() {
  if (awaits_comeback()) return;
  if (scheduler_.workers() == 0) {
    if (!roster_.none_running()) return;
    send_told();
    throw_world(
        "coordinator: none of {} workers is left and {} runs wait: start the sweep again to go on "
        "with it",
        roster_.size(), scheduler_.waiting().size());
  }
  for (const std::string& run_id : scheduler_.impossible()) {
    WaitingRun run = *scheduler_.waiting().find(run_id);
    if (run.ranks > scheduler_.ranks_max() && run.ranks <= roster_.size()) {
      run.ranks = scheduler_.ranks_max();
      scheduler_.add(std::move(run));
      continue;
    }
    const Ticket ticket = store_.start_attempt(
        run_id, {.worker = 0, .ranks = run.ranks, .host = host_name(), .environment = "{}"});
    --counts_.pending, ++counts_.running;
    const std::string reason = scheduler_.reason(run_id, now_ms());
    scheduler_.remove(run_id);
    fail(ticket, "input", reason);
  }
}

// Workers that are told to leave a run do so at their next step; one that hangs is not waited for.
bool Coordinator::nothing_is_left() {
  const int64_t grace_ms = ms(settings_.drain_grace_s);
  if (draining_since_ms_) {
    return roster_.none_at_work() || now_ms() - *draining_since_ms_ >= grace_ms;
  }
  if (!scheduler_.waiting().empty() || !roster_.none_running()) {
    leaving_since_ms_.reset();
    return false;
  }
  if (!leaving_since_ms_) leaving_since_ms_ = now_ms();
  return roster_.none_at_work() || now_ms() - *leaving_since_ms_ >= grace_ms;
}

void Coordinator::end() {
  store_progress();
  for (const Attempt* attempt : roster_.running()) {
    log_warning("{}: rank {} did not answer within {}; its last checkpoint counts", attempt->label,
                attempt->members.front(), human_duration(settings_.drain_grace_s));
    store_.interrupt(attempt->ticket, attempt->last.step);
  }
  send_told();
  roster_.lose_all();
  for (int rank = 1; rank < transport_.size(); ++rank) transport_.send(rank, Shutdown{});
  view_.hide();
  ended_ = true;
}

// ---- bookkeeping ----

void Coordinator::read_queue() {
  const std::vector<std::string> pending = store_.queue(settings_.sweep);
  const std::set<std::string_view> wanted(pending.begin(), pending.end());
  std::vector<std::string> gone;
  for (const auto& [run_id, run] : scheduler_.waiting().all()) {
    if (!wanted.contains(run_id)) gone.push_back(run_id);
  }
  for (const std::string& run_id : gone) scheduler_.remove(run_id);
  for (const std::string& run_id : pending) {
    if (queue_.has(run_id) && !scheduler_.waiting().find(run_id)) {
      scheduler_.add(queue_.waiting(run_id));
    }
  }
  counts_ = count_runs(store_.database(), settings_.sweep);
  changed_ = true;
}

// A small part of the time at most, however long the queue and many the kinds of run in it.
void Coordinator::estimate_anew_at_times() {
  if (!estimates_are_old_ || now_ms() < estimate_not_before_ms_) return;
  const int64_t start_ms = now_ms();
  estimate_anew();
  estimate_not_before_ms_ = now_ms() + kEstimateShare * (now_ms() - start_ms);
}

void Coordinator::estimate_anew() {
  estimates_are_old_ = false;
  std::vector<std::string> waiting;
  for (const auto& [run_id, run] : scheduler_.waiting().all()) waiting.push_back(run_id);
  for (const std::string& run_id : waiting) scheduler_.add(queue_.waiting(run_id));
}

void Coordinator::release(const Ticket& ticket) {
  const std::vector<int64_t> members = roster_.release(ticket);
  if (!members.empty()) scheduler_.release(members);
}

void Coordinator::tell(int peer, Message message) {
  outbox_.push_back({peer, std::move(message)});
}

void Coordinator::tell_group(const Attempt& attempt, const Message& message) {
  for (const int64_t rank : attempt.members) tell(static_cast<int>(rank), message);
}

void Coordinator::send_told() {
  store_.sync();
  for (; !outbox_.empty(); outbox_.pop_front()) {
    transport_.send(outbox_.front().peer, outbox_.front().message);
  }
}

void Coordinator::note(const std::string& kind, const std::string& text,
                       const std::string& run_id) {
  store_.add_event(kind, text, run_id);
  log_warning("{}: {}: {}", queue_.label(run_id), kind, text);
}

SweepState Coordinator::state() const {
  SweepState state{.total = counts_.total(),
                   .done = counts_.done,
                   .failed = counts_.failed,
                   .running = roster_.running()};
  WaitingWork waiting{.runs = scheduler_.waiting().size(), .seconds = {}};
  if (queue_.knows_any()) waiting.seconds = scheduler_.waiting().work_s();
  state.seconds_left = seconds_left(state.running, waiting, scheduler_.capacity(), now_ms());
  if (draining_since_ms_) state.note = "draining";
  if (disk_full_since_ms_) state.note = "disk full";
  return state;
}

}  // namespace seqsweep
