// What the coordinator said to a worker and nobody has acted upon yet.
#pragma once

#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/log.h"
#include "core/protocol/transport.h"

namespace seqsweep {

inline constexpr int kCoordinator = 0;

class Inbox {
 public:
  explicit Inbox(Transport& transport) : transport_(transport) {}

  void poll(int64_t timeout_ms) {
    while (auto envelope = transport_.receive(timeout_ms)) {
      std::visit([this](auto& message) { take(message); }, envelope->message);
      timeout_ms = 0;
    }
    for (const int peer : transport_.take_dead()) alone_ = alone_ || peer == kCoordinator;
  }

  bool shutdown() const { return shutdown_; }
  bool draining() const { return draining_ || shutdown_ || alone_; }
  bool alone() const { return alone_; }  // The coordinator died.
  bool cancelled(const Ticket& ticket) const { return cancelled_ == ticket; }
  bool goes_on_elsewhere(const Ticket& ticket) const { return left_to_others_ == ticket; }
  bool committed(const Ticket& ticket) const { return committed_ == ticket; }
  bool has_dispatch() const { return !dispatches_.empty(); }
  Dispatch next_dispatch() {
    Dispatch dispatch = std::move(dispatches_.front());
    dispatches_.pop_front();
    return dispatch;
  }

 private:
  void take(Dispatch& dispatch) { dispatches_.push_back(std::move(dispatch)); }
  void take(const Cancel& cancel) {
    cancelled_ = cancel.ticket;
    if (cancel.goes_on_elsewhere) left_to_others_ = cancel.ticket;
  }
  void take(const Committed& committed) { committed_ = committed.ticket; }
  void take(const Drain&) { draining_ = true; }
  void take(const Shutdown&) { shutdown_ = true; }
  void take(const auto&) { log_warning("a message for a coordinator came to a worker; dropped"); }

  Transport& transport_;
  bool draining_ = false, shutdown_ = false, alone_ = false;
  std::optional<Ticket> cancelled_, left_to_others_, committed_;
  std::deque<Dispatch> dispatches_;  // One that came while the last run ended waits here.
};

}  // namespace seqsweep
