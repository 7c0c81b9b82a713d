// What the coordinator does with each message of a worker.
#include <algorithm>

#include "coordinator/coordinator.h"
#include "core/base/log.h"

namespace seqsweep {
namespace {

constexpr size_t kStoreRowsMax = 1000;
constexpr int kReceiveMax = 1000;  // Messages a tick.

}  // namespace

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
  const bool on_gpu = !hello.gpu.empty() && !queue_.all_on_cpu();
  scheduler_.greet(peer, {.host = hello.host,
                          .gpu = on_gpu ? hello.gpu : "",
                          .bytes = on_gpu ? hello.gpu_bytes : hello.host_bytes});
  if (queue_.set_device(on_gpu ? hello.device : "cpu")) estimate_anew();
  changed_ = true;
  tell_crowd(peer);
}

void Coordinator::tell_crowd(int64_t rank) {
  const Devices::Share device = scheduler_.device_of(rank);
  if (told_crowd_ || device.workers <= device.slots) return;
  told_crowd_ = true;
  note("ranks_per_gpu",
       fmt::format("there are more workers than may train at once: {} of a GPU of {}, and "
                   "ranks_per_gpu is {}; the others wait",
                   device.workers, roster_.worker(rank).host, settings_.ranks_per_gpu),
       "");
}

void Coordinator::apply(int peer, const Progress& progress) {
  Attempt* attempt = roster_.find(progress.ticket);
  if (!attempt || attempt->over) {
    tell(peer, Cancel{progress.ticket, /*goes_on_elsewhere=*/attempt == nullptr});
    return;
  }
  roster_.renew(*attempt, progress, now_ms());
  if (progress.fraction > 0) {
    scheduler_.expect_end(attempt->members.front(), now_ms() + ms(progress.seconds_left));
  }
  view_.told(*attempt, progress, now_ms());
  unstored_.push_back(progress);
  if (unstored_.size() >= kStoreRowsMax) store_progress();
  prune(progress);
}

// Stops the run when its rivals are better.
void Coordinator::prune(const Progress& progress) {
  for (const MetricRow& metric : progress.metrics) {
    const auto verdict = pruner_.judge(progress.ticket.run_id, metric);
    if (!verdict) continue;
    store_progress();
    store_.cancel(progress.ticket.run_id, "pruned", *verdict);
    Attempt& attempt = *roster_.find(progress.ticket);
    roster_.set_over(attempt);
    tell_group(attempt, Cancel{progress.ticket});
    note("pruned", *verdict, progress.ticket.run_id);
    --counts_.running, ++counts_.cancelled;
    changed_ = true;
    return;
  }
}

void Coordinator::apply(int peer, const Finished& finished) {
  const Ticket& ticket = finished.ticket;
  store_progress();
  if (store_.finish(ticket, finished.result)) {
    if (const Attempt* attempt = roster_.find(ticket)) {
      view_.finished(*attempt, finished.result, now_ms());
      watch_.note_success();
      --counts_.running, ++counts_.done;
      learn(*attempt, finished.result);
    }
    if (queue_.is_needed(ticket.run_id)) {
      for (const std::string& run_id : store_.ready_after(ticket.run_id)) {
        if (queue_.has(run_id)) scheduler_.add(queue_.waiting(run_id));
      }
    }
    tell(peer, Committed{ticket});
  } else {
    note("stale",
         fmt::format("rank {} finished attempt {}, which was over: not counted", peer,
                     ticket.attempt),
         ticket.run_id);
    tell(peer, Cancel{ticket, /*goes_on_elsewhere=*/true});
  }
  release(ticket);
  changed_ = true;
}

void Coordinator::learn(const Attempt& attempt, const RunResult& result) {
  const Ticket& ticket = attempt.ticket;
  const double seconds = double(now_ms() - attempt.started_ms) / 1000;
  bool is_news = queue_.learn_memory(ticket.run_id, result.device, result.peak_memory_bytes);
  if (ticket.attempt == 1) is_news |= queue_.learn(ticket.run_id, result.device, seconds);
  estimates_are_old_ |= is_news;
}

void Coordinator::apply(int, const Failed& failed) {
  store_progress();
  Attempt* attempt = roster_.find(failed.ticket);
  if (attempt && !attempt->loss.empty()) {
    fail(failed.ticket, "lost", attempt->loss);
  } else if (attempt && failed.cause == "lost" && attempt->members.size() > 1) {
    // Who it was will be told.
    attempt->left = true;
    return;
  } else {
    fail(failed.ticket, failed.cause, failed.text);
  }
  release(failed.ticket);
  changed_ = true;
}

void Coordinator::apply(int peer, const Interrupted& interrupted) {
  store_progress();
  const Attempt* attempt = roster_.find(interrupted.ticket);
  if (store_.interrupt(interrupted.ticket, interrupted.step)) {
    --counts_.running, ++counts_.pending;
    if (queue_.has(interrupted.ticket.run_id)) {
      scheduler_.add(queue_.waiting(interrupted.ticket.run_id));
    }
    log_info("{}: interrupted at step {}", queue_.label(interrupted.ticket.run_id),
             interrupted.step);
  }
  const bool unasked = attempt && !attempt->over && !draining_since_ms_;
  release(interrupted.ticket);
  changed_ = true;
  // A signal to one rank means all of them: it may come before the coordinator's own.
  if (unasked) drain(fmt::format("rank {} was asked to stop", peer));
}

void Coordinator::store_progress() {
  store_.store_progress(unstored_);
  unstored_.clear();
  stored_ms_ = now_ms();
}

}  // namespace seqsweep
