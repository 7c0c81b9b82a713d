#include "worker/trainer_relay.h"

#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int64_t kListen_ms = 5;     // To the trainer, between looks at the coordinator.
constexpr int64_t kCommitted_ms = 2;  // To the coordinator, once it has the result.

}  // namespace

struct TrainerRelay::Relayed {
  const Ticket& ticket;
  bool heard = false;         // Of this run.
  bool finished = false;      // Its result is here, and is not known to be stored.
  bool told_to_stop = false;  // The trainer, at its next step.
  bool over = false;
  int64_t step = 0;
};

TrainerRelay::TrainerRelay(ForkServer& forks, Transport& transport, Inbox& inbox,
                           const WorkerSettings& settings)
    : forks_(forks), transport_(transport), inbox_(inbox), settings_(settings) {}

std::optional<Hello> TrainerRelay::meet() {
  start();
  const int64_t start_ms = system_clock().monotonic_ms();
  while (!trainer_->dead()) {
    auto message = trainer_->receive(kListen_ms);
    if (message && std::holds_alternative<Hello>(*message)) {
      Hello hello = std::get<Hello>(std::move(*message));
      hello.pid = ::getpid();  // Who it is that hangs when this worker does not answer.
      return hello;
    }
    inbox_.poll(0);
    if (inbox_.shutdown() || inbox_.alone() || settings_.orphaned()) return std::nullopt;
    if (double(system_clock().monotonic_ms() - start_ms) > settings_.lease_s * 1000) {
      trainer_->kill();
      throw_world("worker: its trainer was not ready within {}", human_duration(settings_.lease_s));
    }
  }
  const TrainerProcess::End end = trainer_->end();
  throw_world("worker: its trainer {} before it was ready{}", end.how, end.more);
}

void TrainerRelay::start() {
  trainer_.reset();
  trainer_ = std::make_unique<TrainerProcess>(forks_, transport_.rank(), settings_);
}

void TrainerRelay::look_after() {
  while (trainer_ && trainer_->receive(0)) {
  }
  if (!trainer_ || !trainer_->dead()) return;
  const auto gone = std::move(trainer_);
  try {
    log_warning("the trainer {} between two runs; the next one gets another", gone->end().how);
  } catch (const Error& error) {
    log_warning("the trainer ended between two runs: {}", error.what());
  }
}

bool TrainerRelay::train(const Dispatch& dispatch) {
  look_after();
  try {
    if (!trainer_) start();
  } catch (const Error& error) {
    log_warning("no trainer can be started, so runs train in this process: {}", error.what());
    return false;
  }
  try {
    // One that dies before it says a word of the run died of something else.
    if (relay(dispatch) == Ending::NotBegun && relay(dispatch) == Ending::NotBegun) {
      throw_world("two trainers ended before they began with it");
    }
  } catch (const Error& error) {
    transport_.send(kCoordinator, Failed{dispatch.ticket, error.cause(), error.what()});
  }
  return true;
}

TrainerRelay::Ending TrainerRelay::relay(const Dispatch& dispatch) {
  if (!trainer_) start();
  Relayed run{dispatch.ticket};
  trainer_->send(dispatch);
  while (!run.over) {
    pass_up(run);
    if (run.over) break;
    if (trainer_->dead()) {
      const auto gone = std::move(trainer_);
      if (run.heard) tell_death(run, *gone);
      return run.heard ? Ending::Over : Ending::NotBegun;
    }
    pass_down(run);
  }
  return Ending::Over;
}

void TrainerRelay::pass_up(Relayed& run) {
  int64_t wait_ms = run.finished ? 0 : kListen_ms;
  while (const auto message = trainer_->receive(std::exchange(wait_ms, 0))) {
    if (std::holds_alternative<Hello>(*message)) continue;  // Of a later one: nothing new.
    std::visit(
        [&](const auto& said) {
          using Said = std::remove_cvref_t<decltype(said)>;
          if constexpr (requires { said.ticket; }) {
            if (said.ticket != run.ticket) return;
            run.heard = true;
            if constexpr (std::is_same_v<Said, Progress>) run.step = said.step;
            if constexpr (std::is_same_v<Said, Finished>) run.finished = true;
            run.over |= std::is_same_v<Said, Failed> || std::is_same_v<Said, Interrupted>;
          }
        },
        *message);
    if (!settings_.orphaned() && !inbox_.alone()) transport_.send(kCoordinator, *message);
  }
}

void TrainerRelay::pass_down(Relayed& run) {
  inbox_.poll(run.finished ? kCommitted_ms : 0);
  const bool cancelled = inbox_.cancelled(run.ticket);
  const Cancel cancel{run.ticket, inbox_.goes_on_elsewhere(run.ticket)};
  if (run.finished && inbox_.committed(run.ticket)) {
    trainer_->send(Committed{run.ticket});
    run.over = true;
  } else if (run.finished && cancelled) {
    trainer_->send(cancel);
    run.over = true;
  } else if (cancel.goes_on_elsewhere) {  // It hangs, or was thought to: it would not hear.
    trainer_->kill();
    trainer_.reset();
    transport_.send(kCoordinator,
                    Failed{run.ticket, "lost", "it goes on elsewhere: its trainer was killed"});
    run.over = true;
  } else if (!run.told_to_stop && (cancelled || inbox_.draining() || settings_.stop_requested())) {
    if (cancelled) {
      trainer_->send(cancel);
    } else {
      trainer_->send(Drain{});
    }
    run.told_to_stop = true;
  }
  // With nobody to report to, the trainer is told as it is let go.
  run.over |= inbox_.shutdown() || inbox_.alone() || settings_.orphaned() ||
              (run.finished && inbox_.has_dispatch());
}

void TrainerRelay::tell_death(const Relayed& run, TrainerProcess& trainer) {
  const TrainerProcess::End end = trainer.end();
  const std::string step = run.step > 0
                               ? fmt::format("the last step that it told of is {}", run.step)
                               : "it had told of no step";
  const std::string text = fmt::format("the trainer {}; {}{}", end.how, step, end.more);
  log_error("run {} failed: {}", run.ticket.run_id, text);
  transport_.send(kCoordinator, Failed{run.ticket, end.cause, text});
}

}  // namespace seqsweep
