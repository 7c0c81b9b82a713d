#include "coordinator/waiting_runs.h"

#include <iterator>
#include <string_view>
#include <tuple>

namespace seqsweep {

bool WaitingRuns::ByTurn::operator()(const WaitingRun* a, const WaitingRun* b) const {
  return std::tuple(-a->priority, a->turn, -a->path_s, a->position, std::string_view(a->run_id)) <
         std::tuple(-b->priority, b->turn, -b->path_s, b->position, std::string_view(b->run_id));
}

bool WaitingRuns::ByLength::operator()(const WaitingRun* a, const WaitingRun* b) const {
  return std::tuple(-a->priority, -a->path_s, a->position, std::string_view(a->run_id)) <
         std::tuple(-b->priority, -b->path_s, b->position, std::string_view(b->run_id));
}

bool WaitingRuns::ByEstimate::operator()(const WaitingRun* a, const WaitingRun* b) const {
  return std::tuple(a->estimate_s, -a->position, std::string_view(a->run_id)) <
         std::tuple(b->estimate_s, -b->position, std::string_view(b->run_id));
}

void WaitingRuns::add(WaitingRun run) {
  remove(run.run_id);
  const std::string run_id = run.run_id;
  const WaitingRun& added = entries_.emplace(run_id, std::move(run)).first->second;
  work_s_ += added.estimate_s * static_cast<double>(added.ranks);
  if (added.not_before_ms > 0) {
    asleep_.emplace(added.not_before_ms, &added);
  } else {
    put(added);
  }
}

void WaitingRuns::remove(const std::string& run_id) {
  const auto found = entries_.find(run_id);
  if (found == entries_.end()) return;
  const WaitingRun& run = found->second;
  work_s_ -= run.estimate_s * static_cast<double>(run.ranks);
  if (asleep_.erase({run.not_before_ms, &run}) == 0) take(run);
  entries_.erase(found);
}

void WaitingRuns::wake(int64_t now_ms) {
  while (!asleep_.empty() && asleep_.begin()->first <= now_ms) {
    put(*asleep_.begin()->second);
    asleep_.erase(asleep_.begin());
  }
}

const WaitingRun* WaitingRuns::find(const std::string& run_id) const {
  const auto found = entries_.find(run_id);
  return found == entries_.end() ? nullptr : &found->second;
}

const WaitingRun* WaitingRuns::first(Order order, int64_t ranks_max) const {
  const WaitingRun* best = nullptr;
  for (const auto& [key, shelf] : shelves_) {
    if (key.first > ranks_max) break;
    const WaitingRun* here =
        order == Order::Turn ? *shelf.by_turn.begin() : *shelf.by_length.begin();
    const bool before =
        order == Order::Turn ? !best || ByTurn()(here, best) : !best || ByLength()(here, best);
    if (before) best = here;
  }
  return best;
}

const WaitingRun* WaitingRuns::longest_within(double seconds, int64_t ranks_max) const {
  const WaitingRun* best = nullptr;
  const WaitingRun limit{.estimate_s = seconds, .position = -1};  // Behind all that fit.
  for (const auto& [key, shelf] : shelves_) {
    if (key.first > ranks_max) break;
    auto behind = shelf.by_estimate.upper_bound(&limit);
    if (behind == shelf.by_estimate.begin()) continue;
    const WaitingRun* here = *std::prev(behind);
    if (!best || ByEstimate()(best, here)) best = here;
  }
  return best;
}

double WaitingRuns::longest_path_s(int64_t ranks_max) const {
  const WaitingRun* longest = first(Order::Length, ranks_max);
  return longest ? longest->path_s : 0;
}

int64_t WaitingRuns::ranks_max() const {
  return shelves_.empty() ? 0 : shelves_.rbegin()->first.first;
}

const WaitingRun* WaitingRuns::alike_on(const std::string& dataset, const WaitingRun& like) const {
  const auto shelf = shelves_.find({like.ranks, dataset});
  if (shelf == shelves_.end()) return nullptr;
  const WaitingRun* here = *shelf->second.by_turn.begin();
  return here->priority == like.priority && here->turn == like.turn ? here : nullptr;
}

void WaitingRuns::put(const WaitingRun& run) {
  Shelf& shelf = shelves_[{run.ranks, run.dataset}];
  shelf.by_turn.insert(&run);
  shelf.by_length.insert(&run);
  shelf.by_estimate.insert(&run);
}

void WaitingRuns::take(const WaitingRun& run) {
  const auto shelf = shelves_.find({run.ranks, run.dataset});
  shelf->second.by_turn.erase(&run);
  shelf->second.by_length.erase(&run);
  shelf->second.by_estimate.erase(&run);
  if (shelf->second.by_turn.empty()) shelves_.erase(shelf);
}

}  // namespace seqsweep
