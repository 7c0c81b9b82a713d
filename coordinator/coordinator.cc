#include "coordinator/coordinator.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int64_t kTickMs = 100;
constexpr int64_t kStoreEveryMs = 100;  // Progress is stored in batches.
constexpr size_t kStoreRowsMax = 1000;
constexpr int64_t kLookEveryMs = 1000;  // For requests, and for runs whose time has come.
constexpr int kReceiveMax = 1000;       // Messages a tick.

int64_t ms(double seconds) {
  return static_cast<int64_t>(seconds * 1000);
}

// The world may be better next time; the run itself will not.
bool may_pass(const std::string& cause) {
  return cause == "world" || cause == "memory" || cause == "lost";
}

}  // namespace

Coordinator::Coordinator(CoordinatorSettings settings, std::vector<SweepRun> runs, RunStore& store,
                         Transport& transport, const Clock& clock, ProgressView& view)
    : settings_(std::move(settings)),
      store_(store),
      transport_(transport),
      clock_(clock),
      view_(view),
      queue_(std::move(runs), settings_.retry),
      roster_(transport.size() - 1, clock.monotonic_ms()) {
  for (Request& request : take_requests(settings_.database)) {
    // A drain that is older than this coordinator was meant for another one.
    if (request.kind != Request::Kind::Drain) requests_.push_back(std::move(request));
  }
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
  try {
    work();
    if (disk_full_since_ms_) {
      log_info("there is room on the disk again: going on");
      disk_full_since_ms_.reset();
      roster_.renew_all(now_ms());  // Nobody's news was heard meanwhile.
    }
  } catch (const Error& error) {
    if (error.fault() != Fault::DiskFull) throw;
    wait_for_room(error);
  }
  if (!ended_ && view_.due(now_ms())) view_.show(state());
}

void Coordinator::work() {
  apply_inbox();
  if (now_ms() - stored_ms_ >= kStoreEveryMs) store_progress();
  // Leases are of no use while a full disk keeps messages waiting.
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
  for (int rank = 1; rank < transport_.size(); ++rank) transport_.send(rank, Drain{});
}

int Coordinator::exit_code() {
  counts_ = count_runs(store_.database(), settings_.sweep);
  if (counts_.pending + counts_.running > 0) return kExitInterrupted;
  return counts_.failed > 0 ? kExitSomeRunsFailed : kExitDone;
}

// ---- messages ----

void Coordinator::receive(int64_t timeout_ms) {
  const auto waits_already = [&](const Ticket& ticket) {
    return std::any_of(inbox_.begin(), inbox_.end(), [&](const Envelope& envelope) {
      const auto* finished = std::get_if<Finished>(&envelope.message);
      return finished && finished->ticket == ticket;
    });
  };
  for (int i = 0; i < kReceiveMax; ++i) {
    auto envelope = transport_.receive(i == 0 ? timeout_ms : 0);
    if (!envelope) return;
    // Results are repeated, and large: one of each is enough while a full disk keeps them waiting.
    const auto* finished = std::get_if<Finished>(&envelope->message);
    if (!finished || !waits_already(finished->ticket)) inbox_.push_back(std::move(*envelope));
  }
}

void Coordinator::apply_inbox() {
  while (!inbox_.empty()) {
    const Envelope& envelope = inbox_.front();
    std::visit(
        [&](const auto& message) {
          if constexpr (requires { apply(envelope.peer, message); }) {
            apply(envelope.peer, message);
          } else {
            log_warning("rank {} sent what only a coordinator says; dropped", envelope.peer);
          }
        },
        envelope.message);
    inbox_.pop_front();
  }
}

void Coordinator::apply(int peer, const Hello& hello) {
  if (!roster_.hello(peer, hello)) return;
  log_info("rank {} is ready: {} on {}, {} cores", peer, hello.device, hello.host, hello.cores);
  changed_ = true;
}

void Coordinator::apply(int peer, const Progress& progress) {
  Attempt* attempt = roster_.find(progress.ticket);
  if (!attempt || attempt->over) {
    transport_.send(peer, Cancel{progress.ticket});
    return;
  }
  roster_.renew(*attempt, progress, now_ms());
  view_.told(*attempt, progress, now_ms());
  unstored_.push_back(progress);
  if (unstored_.size() >= kStoreRowsMax) store_progress();
}

void Coordinator::apply(int peer, const Finished& finished) {
  const Ticket& ticket = finished.ticket;
  store_progress();
  if (store_.finish(ticket, finished.result)) {
    if (const Attempt* attempt = roster_.find(ticket)) {
      view_.finished(*attempt, finished.result, now_ms());
      queue_.note_duration(ticket.run_id, double(now_ms() - attempt->started_ms) / 1000);
      counts_ = count_runs(store_.database(), settings_.sweep);
    }
    if (queue_.is_needed(ticket.run_id)) read_queue();  // Those that waited for it.
    transport_.send(peer, Committed{ticket});
  } else {
    note("stale",
         fmt::format("rank {} finished attempt {}, which was over: not counted", peer,
                     ticket.attempt),
         ticket.run_id);
    transport_.send(peer, Cancel{ticket});
  }
  roster_.release(ticket);
  changed_ = true;
}

void Coordinator::apply(int, const Failed& failed) {
  store_progress();
  fail(failed.ticket, failed.cause, failed.text);
  roster_.release(failed.ticket);
  changed_ = true;
}

void Coordinator::apply(int peer, const Interrupted& interrupted) {
  store_progress();
  const Attempt* attempt = roster_.find(interrupted.ticket);
  if (store_.interrupt(interrupted.ticket, interrupted.step)) {
    read_queue();
    log_info("{}: interrupted at step {}", queue_.label(interrupted.ticket.run_id),
             interrupted.step);
  }
  const bool unasked = attempt && !attempt->over && !draining_since_ms_;
  roster_.release(interrupted.ticket);
  changed_ = true;
  // A signal to one rank means all of them: it may come before the coordinator's own.
  if (unasked) drain(fmt::format("rank {} was asked to stop", peer));
}

void Coordinator::store_progress() {
  store_.store_progress(unstored_);
  unstored_.clear();
  stored_ms_ = now_ms();
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
      store_.retry(find_run(store_.database(), request.run_id));
      break;
    case Request::Kind::RetryFailed:
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
    attempt->over = true;
    send_to_group(*attempt, Cancel{attempt->ticket});
  }
  note("cancelled", "by request", run_id);
}

// ---- runs that do not get on ----

void Coordinator::expire_leases() {
  const int64_t lease_ms = ms(settings_.lease_s);
  for (const int64_t rank : roster_.lose_silent(now_ms(), lease_ms)) {
    log_warning("rank {} did not say Hello within {}: it gets no runs", rank,
                human_duration(settings_.lease_s));
    changed_ = true;
  }
  for (const Ticket& ticket : roster_.expired(now_ms(), lease_ms)) {
    const Attempt& attempt = *roster_.find(ticket);
    if (!attempt.over) {
      fail(ticket, "lost",
           fmt::format("no progress for {}: rank {} hangs, or is gone",
                       human_duration(settings_.lease_s), attempt.members.front()));
    }
    send_to_group(attempt, Cancel{ticket});
    roster_.lose(ticket);
    changed_ = true;
  }
}

void Coordinator::fail(const Ticket& ticket, const std::string& cause, const std::string& text) {
  const bool again = may_pass(cause) && queue_.may_retry(ticket.run_id);
  if (!store_.fail(ticket, cause, text, again ? AfterFailure::Retry : AfterFailure::GiveUp)) return;
  if (again) queue_.note_failure(ticket.run_id, now_ms());
  read_queue();
  note(again ? "retry" : "failed", fmt::format("attempt {}: {}: {}", ticket.attempt, cause, text),
       ticket.run_id);
}

// ---- dispatch ----

void Coordinator::dispatch() {
  const bool due = changed_ || now_ms() - scheduled_ms_ >= kLookEveryMs;
  if (!due || queue_.empty()) return;
  const auto slots = roster_.slots();
  const auto decisions = schedule(queue_.waiting(), slots, now_ms());
  const bool hopeless =
      roster_.running().empty() &&
      std::all_of(decisions.begin(), decisions.end(), [&](const Decision& decision) {
        return decision.placement == Placement::Impossible &&
               queue_.run(decision.run_id).config.train.ranks <= roster_.size();
      });
  if (hopeless) {
    throw_world(
        "coordinator: {} of {} workers are lost, too few are left for the {} runs that "
        "wait: start the sweep again to go on with it",
        roster_.size() - static_cast<int64_t>(slots.size()), roster_.size(), decisions.size());
  }
  for (const Decision& decision : decisions) {
    if (decision.placement == Placement::Placed) start(decision);
    if (decision.placement == Placement::Impossible) give_up(decision);
  }
  scheduled_ms_ = now_ms();
  changed_ = false;
}

void Coordinator::start(const Decision& decision) {
  const SweepRun& run = queue_.run(decision.run_id);
  const int64_t leader = decision.members.front();
  const Hello& worker = roster_.worker(leader);
  const Ticket ticket =
      store_.start_attempt(run.run_id, {.worker = leader,
                                        .ranks = static_cast<int64_t>(decision.members.size()),
                                        .host = worker.host,
                                        .environment = worker.environment});
  const Attempt attempt{.ticket = ticket,
                        .label = run.label,
                        .members = decision.members,
                        .started_ms = now_ms(),
                        .renewed_ms = now_ms()};
  roster_.begin(attempt);
  queue_.remove(run.run_id);
  send_to_group(attempt, Dispatch{.ticket = ticket,
                                  .config = run.config.json().dump(),
                                  .members = attempt.members,
                                  .folder = (settings_.runs_folder / run.run_id).string(),
                                  .data_dir = settings_.data_dir.string()});
  view_.started(attempt, worker.host);
}

void Coordinator::give_up(const Decision& decision) {
  const int64_t ranks = queue_.run(decision.run_id).config.train.ranks;
  if (ranks <= roster_.size()) return;  // Possible, had none been lost.
  const Ticket ticket = store_.start_attempt(
      decision.run_id, {.worker = 0, .ranks = ranks, .host = host_name(), .environment = "{}"});
  fail(ticket, "input", decision.reason);
}

bool Coordinator::nothing_is_left() const {
  if (!draining_since_ms_) return queue_.empty() && roster_.running().empty();
  const bool too_long = now_ms() - *draining_since_ms_ >= ms(settings_.drain_grace_s);
  return roster_.running().empty() || too_long;
}

void Coordinator::end() {
  store_progress();
  for (const Attempt* attempt : roster_.running()) {
    log_warning("{}: rank {} did not answer within {}; its last checkpoint counts", attempt->label,
                attempt->members.front(), human_duration(settings_.drain_grace_s));
    store_.interrupt(attempt->ticket, attempt->last.step);
  }
  for (int rank = 1; rank < transport_.size(); ++rank) transport_.send(rank, Shutdown{});
  view_.hide();
  ended_ = true;
}

// ---- bookkeeping ----

void Coordinator::read_queue() {
  queue_.refill(store_.queue(settings_.sweep));
  counts_ = count_runs(store_.database(), settings_.sweep);
  changed_ = true;
}

void Coordinator::send_to_group(const Attempt& attempt, const Message& message) {
  for (const int64_t rank : attempt.members) transport_.send(static_cast<int>(rank), message);
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
  state.seconds_left = seconds_left(state.running, queue_.estimates_s(),
                                    static_cast<int64_t>(roster_.slots().size()), now_ms());
  if (draining_since_ms_) state.note = "draining";
  if (disk_full_since_ms_) state.note = "disk full";
  return state;
}

}  // namespace seqsweep
