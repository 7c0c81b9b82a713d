#include "coordinator/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/check.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

// The longest run first once each worker has so many times its length left: longest-first lists end
// evenly, and before that it does not matter.
constexpr double kTail = 2;

int64_t after(int64_t now_ms, double seconds) {
  return now_ms + static_cast<int64_t>(seconds * 1000);
}

std::string workers_text(int64_t count) {
  return fmt::format("{} worker{}", count, count == 1 ? "" : "s");
}

}  // namespace

void Scheduler::release(std::span<const int64_t> members) {
  forget(members.front());
  for (const int64_t rank : members) workers_.free(rank);
}

void Scheduler::lose(std::span<const int64_t> members) {
  forget(members.front());
  for (const int64_t rank : members) workers_.lose(rank);
}

void Scheduler::forget(int64_t leader) {
  const auto found = running_.find(leader);
  if (found == running_.end()) return;
  const Running& run = found->second;
  ends_.erase({run.end_ms, leader});
  ends_sum_ms_ -= static_cast<double>(run.end_ms) * static_cast<double>(run.ranks);
  busy_ -= run.ranks;
  running_.erase(found);
}

void Scheduler::expect_end(int64_t leader, int64_t end_ms) {
  const auto found = running_.find(leader);
  if (found == running_.end()) return;
  Running& run = found->second;
  ends_.erase({run.end_ms, leader});
  ends_sum_ms_ += static_cast<double>(end_ms - run.end_ms) * static_cast<double>(run.ranks);
  run.end_ms = end_ms;
  ends_.emplace(end_ms, leader);
}

std::vector<Scheduler::Start> Scheduler::start(int64_t now_ms) {
  waiting_.wake(now_ms);
  reserved_.reset();
  std::vector<Start> starts;
  while (workers_.free() > 0) {
    const WaitingRuns::Order by = order(now_ms);
    const WaitingRun* first = waiting_.first(by, ranks_max());
    if (!first) break;
    if (first->ranks > ranks_free()) {
      reserved_ = reserve(*first, now_ms);
      fill_alone(now_ms, starts);
      fill_behind(now_ms, starts);
      break;
    }
    starts.push_back(
        place(by == WaitingRuns::Order::Turn ? with_data_at_hand(*first) : *first, now_ms));
  }
  return starts;
}

int64_t Scheduler::ranks_max() const {
  return std::max<int64_t>(1, workers_.size_together());
}

int64_t Scheduler::ranks_free() const {
  return std::max<int64_t>(workers_.free_together(), workers_.free_alone() > 0);
}

// Workers that are of no use to the reservation.
void Scheduler::fill_alone(int64_t now_ms, std::vector<Start>& starts) {
  while (workers_.free_alone() > 0) {
    const WaitingRun* run = waiting_.first(order(now_ms), 1);
    if (!run) return;
    starts.push_back(place(*run, now_ms));
  }
}

// Runs that leave the reservation where it is: they end before it, or take spare workers.
void Scheduler::fill_behind(int64_t now_ms, std::vector<Start>& starts) {
  while (workers_.free_together() > 0 && reserved_->at_ms) {
    const int64_t free = workers_.free_together();
    const WaitingRun* run = waiting_.first(order(now_ms), std::min(free, reserved_->spare));
    if (run) {
      reserved_->spare -= run->ranks;
    } else {
      run = waiting_.longest_within(double(*reserved_->at_ms - now_ms) / 1000, free);
    }
    if (!run) return;
    starts.push_back(place(*run, now_ms));
  }
}

WaitingRuns::Order Scheduler::order(int64_t now_ms) const {
  const double longest_s = waiting_.longest_path_s(ranks_max());
  return left_per_worker_s(now_ms) < kTail * longest_s ? WaitingRuns::Order::Length
                                                       : WaitingRuns::Order::Turn;
}

double Scheduler::left_per_worker_s(int64_t now_ms) const {
  const double running_ms = ends_sum_ms_ - static_cast<double>(now_ms) * static_cast<double>(busy_);
  return (waiting_.work_s() + std::max(0.0, running_ms) / 1000) /
         static_cast<double>(workers_.size());
}

// The same turn's first run on a data set that a free worker holds, when there is one.
const WaitingRun& Scheduler::with_data_at_hand(const WaitingRun& first) const {
  if (first.ranks > 1 || workers_.holds(first.dataset)) return first;
  const WaitingRun* best = nullptr;
  for (const std::string& dataset : workers_.held()) {
    const WaitingRun* run = waiting_.alike_on(dataset, first);
    if (run && (!best || run->path_s > best->path_s)) best = run;
  }
  return best ? *best : first;
}

Scheduler::Reservation Scheduler::reserve(const WaitingRun& run, int64_t now_ms) const {
  Reservation reserved{.label = run.label, .ranks = run.ranks};
  int64_t free = workers_.free_together();
  for (const auto& [end_ms, leader] : ends_) {
    if (workers_.works_alone(leader)) continue;
    const int64_t at_ms = std::max(now_ms, end_ms);
    if (free >= run.ranks && at_ms > *reserved.at_ms) break;
    free += running_.at(leader).ranks;
    if (free >= run.ranks && !reserved.at_ms) reserved.at_ms = at_ms;
  }
  reserved.spare = free - run.ranks;
  return reserved;
}

Scheduler::Start Scheduler::place(const WaitingRun& run, int64_t now_ms) {
  Start start{run.run_id, workers_.take(run.ranks, run.dataset)};
  const Running running{run.ranks, after(now_ms, run.estimate_s)};
  const int64_t leader = start.members.front();
  const bool is_new = running_.emplace(leader, running).second;
  SEQ_CHECK(is_new);
  ends_.emplace(running.end_ms, leader);
  ends_sum_ms_ += static_cast<double>(running.end_ms) * static_cast<double>(run.ranks);
  busy_ += run.ranks;
  waiting_.remove(start.run_id);
  return start;
}

std::vector<std::string> Scheduler::impossible() const {
  std::vector<std::string> runs;
  if (waiting_.ranks_max() <= ranks_max()) return runs;
  for (const auto& [run_id, run] : waiting_.all()) {
    if (run.ranks > ranks_max()) runs.push_back(run_id);
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::string Scheduler::reason(const std::string& run_id, int64_t now_ms) const {
  const WaitingRun* run = waiting_.find(run_id);
  SEQ_CHECK(run);
  if (run->ranks > ranks_max()) {
    return fmt::format("needs {} ranks, there {} {}: start with more, or lower train.ranks",
                       run->ranks, ranks_max() == 1 ? "is" : "are", workers_text(ranks_max()));
  }
  if (run->not_before_ms > now_ms) {
    return fmt::format("tried again in {}",
                       human_duration(double(run->not_before_ms - now_ms) / 1000));
  }
  const int64_t free = ranks_free();
  if (run->ranks > free) {
    return fmt::format("needs {}, {} free", workers_text(run->ranks),
                       free == 0   ? "none is"
                       : free == 1 ? "one is"
                                   : fmt::format("{} are", free));
  }
  return reserved_ ? fmt::format("the free workers are reserved for {}", reserved_->label)
                   : "about to start";
}

}  // namespace seqsweep
