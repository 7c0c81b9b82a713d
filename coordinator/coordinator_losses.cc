// What the coordinator does with runs that do not get on: their worker hangs, or died, or they
// fail.
#include <algorithm>
#include <array>

#include "coordinator/coordinator.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/protocol/stack_file.h"

namespace seqsweep {
namespace {

constexpr int64_t kReplacedWithinMs = 3600 * 1000;
constexpr size_t kCallsTold = 12;        // Of a worker's stack; the file has all.
constexpr int64_t kComebackMs = 30'000;  // For a worker whose trainer hung to get another one.

// How a run takes its worker, or its trainer, down with it.
constexpr std::array<std::string_view, 3> kKilling = {"lost", "crash", "gpu"};

bool kills(const std::string& cause) {
  return std::ranges::find(kKilling, cause) != kKilling.end();
}

// The world may be better next time; the run itself will not.
bool may_pass(const std::string& cause) {
  return cause == "world" || cause == "memory" || kills(cause);
}

}  // namespace

void Coordinator::expire_leases() {
  const int64_t lease_ms = ms(settings_.lease_s);
  for (const int64_t rank : roster_.lose_silent(now_ms(), lease_ms)) {
    log_warning("rank {} did not say Hello within {}: it gets no runs", rank,
                human_duration(settings_.lease_s));
    scheduler_.lose(std::span(&rank, 1));
    changed_ = true;
  }
  for (const Ticket& ticket : roster_.expired(now_ms(), lease_ms)) {
    const Attempt& attempt = *roster_.find(ticket);
    if (!attempt.over) {
      fail(ticket, "lost",
           fmt::format("no progress for {}: rank {} hangs, or is gone",
                       human_duration(settings_.lease_s), attempt.members.front()));
    }
    for (const int64_t rank : attempt.members) tell_stack(ticket.run_id, rank);
    tell_group(attempt, Cancel{ticket, /*goes_on_elsewhere=*/true});
    scheduler_.lose(attempt.members);
    roster_.lose(ticket);
    lost_ms_ = now_ms();
    changed_ = true;
  }
}

// A worker that lives ends a trainer that hangs, and says so at once.
bool Coordinator::awaits_comeback() const {
  return lost_ms_ && now_ms() - *lost_ms_ < kComebackMs && !roster_.silent().empty();
}

// What a worker that hangs wrote of itself. A process that is stopped, or gone, wrote nothing.
void Coordinator::tell_stack(const std::string& run_id, int64_t rank) {
  const std::filesystem::path file = stack_file(settings_.runs_folder / run_id, rank);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  std::vector<std::string> calls;
  try {
    calls = split(std::string(trim(read_file(file))), '\n');
  } catch (const Error& error) {
    log_warning("{}", error.what());
    return;
  }
  calls.resize(std::min<size_t>(calls.size(), kCallsTold));
  note("stack",
       fmt::format("rank {} stands in {} (all of it: {})", rank, join(calls, " < "), file.string()),
       run_id);
}

// A rank that died is told at once where the MPI can. The other members of its group leave the run
// by their own errors, when they have saved the step that they reached: they are waited for. Their
// word may come before the MPI's.
void Coordinator::bury_dead() {
  for (; !dead_.empty(); dead_.pop_front()) {
    const int64_t rank = dead_.front();
    Attempt* attempt = roster_.bury(rank);
    if (attempt) {
      const Ticket ticket = attempt->ticket;
      const bool alone = std::ranges::all_of(
          attempt->members, [this](int64_t member) { return roster_.is_dead(member); });
      attempt->loss = fmt::format("rank {} died", rank);
      if (alone || attempt->left) {
        if (!attempt->over) fail(ticket, "lost", attempt->loss);
        release(ticket);
      }
    }
    scheduler_.bury(rank);
    if (settings_.replacement) unreplaced_.push_back(rank);
    log_warning("rank {} died: {} of {} workers are left", rank, scheduler_.workers(),
                roster_.size());
    changed_ = true;
  }
}

// So many an hour at most as there were workers: what kills them all is not fed for ever.
void Coordinator::replace_dead() {
  auto next = unreplaced_.begin();
  while (next != unreplaced_.end() && !scheduler_.waiting().empty()) {
    const int64_t rank = *next;
    if (roster_.attempt_of(rank)) {  // The others of its group have yet to leave.
      ++next;
      continue;
    }
    while (!replaced_ms_.empty() && now_ms() - replaced_ms_.front() >= kReplacedWithinMs) {
      replaced_ms_.pop_front();
    }
    if (std::ssize(replaced_ms_) >= roster_.size()) {
      if (!std::exchange(told_replaced_, true)) {
        log_warning("rank {} is not started anew yet: {} were within the hour", rank,
                    roster_.size());
      }
      return;
    }
    told_replaced_ = false;
    next = unreplaced_.erase(next);
    const Hello dead = roster_.worker(rank);
    try {
      transport_.replace(static_cast<int>(rank), dead.host, settings_.replacement(rank, dead));
    } catch (const Error& error) {
      log_warning("rank {} is not started anew: {}", rank, error.what());
      continue;
    }
    replaced_ms_.push_back(now_ms());
    roster_.expect(rank, now_ms());
    scheduler_.replace(rank);
    note("respawned", fmt::format("rank {} died and is started anew on {}", rank, dead.host), "");
  }
}

void Coordinator::fail(const Ticket& ticket, const std::string& cause, const std::string& text) {
  // Whatever it is that kills its worker, it is not fed to all of them.
  const bool quarantine = kills(cause) && store_.count_attempts(ticket.run_id, kKilling) > 0;
  const bool again = may_pass(cause) && !quarantine && queue_.may_retry(ticket.run_id);
  if (!store_.fail(ticket, cause, text, again ? AfterFailure::Retry : AfterFailure::GiveUp)) return;
  // Where the worker was the reason, the next one need not wait.
  if (again && !kills(cause)) queue_.note_failure(ticket.run_id, now_ms());
  if (const Attempt* attempt = roster_.find(ticket); attempt && cause == "memory") {
    queue_.note_shortage(ticket.run_id, scheduler_.device_of(attempt->members.front()));
  }
  if (queue_.has(ticket.run_id)) {
    watch_.note_failure({.cause = cause,
                         .text = text,
                         .model = queue_.run(ticket.run_id).config.model.value("name", ""),
                         .one_kind = may_pass(cause),
                         .of_the_world = may_pass(cause) && cause != "crash"});
  }
  changed_ = true;
  if (!queue_.has(ticket.run_id) || (!again && queue_.is_needed(ticket.run_id))) {
    read_queue();  // Others fail with it.
  } else {
    --counts_.running, ++(again ? counts_.pending : counts_.failed);
    if (again) scheduler_.add(queue_.waiting(ticket.run_id));
  }
  const char* kind = again ? "retry" : quarantine ? "quarantined" : "failed";
  note(kind, fmt::format("attempt {}: {}: {}", ticket.attempt, cause, text), ticket.run_id);
}

}  // namespace seqsweep
