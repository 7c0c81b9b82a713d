#include "coordinator/waiting_runs.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string_view>

#include "coordinator/devices.h"

namespace seqsweep {
namespace {

// The same for sizes of which none is twice another: many shelves take long to look at.
int size_class(int64_t bytes) {
  return static_cast<int>(std::bit_width(static_cast<uint64_t>(bytes)));
}

}  // namespace

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
  demand(added, 1);
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
  demand(run, -1);
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
  const auto first_of = [ranks_max](const auto& runs) -> const WaitingRun* {
    const auto narrow = [&](const WaitingRun* run) { return run->ranks <= ranks_max; };
    const auto found = std::ranges::find_if(runs, narrow);
    return found == runs.end() ? nullptr : *found;
  };
  return order == Order::Turn ? first_of(all_.by_turn) : first_of(all_.by_length);
}

const WaitingRun* WaitingRuns::first_that(Order order, int64_t ranks_max, const May& may) const {
  const WaitingRun* best = nullptr;
  for (const auto& [key, shelf] : shelves_) {
    if (std::get<0>(key) > ranks_max) break;
    const WaitingRun* here =
        order == Order::Turn ? *shelf.by_turn.begin() : *shelf.by_length.begin();
    const bool before =
        order == Order::Turn ? !best || ByTurn()(here, best) : !best || ByLength()(here, best);
    if (before && may(*here)) best = here;
  }
  return best;
}

const WaitingRun* WaitingRuns::longest_within(double seconds, int64_t ranks_max,
                                              const May& may) const {
  const WaitingRun* best = nullptr;
  const WaitingRun limit{.estimate_s = seconds, .position = -1};  // Behind all that fit.
  for (const auto& [key, shelf] : shelves_) {
    if (std::get<0>(key) > ranks_max) break;
    auto behind = shelf.by_estimate.upper_bound(&limit);
    if (behind == shelf.by_estimate.begin()) continue;
    const WaitingRun* here = *std::prev(behind);
    if ((!best || ByEstimate()(best, here)) && may(*here)) best = here;
  }
  return best;
}

double WaitingRuns::longest_path_s(int64_t ranks_max) const {
  const WaitingRun* longest = first(Order::Length, ranks_max);
  return longest ? longest->path_s : 0;
}

const WaitingRun* WaitingRuns::alike_on(const std::string& dataset, const WaitingRun& like,
                                        const May& may) const {
  const WaitingRun* best = nullptr;
  for (auto shelf = shelves_.lower_bound({like.ranks, dataset, 0}); shelf != shelves_.end();
       ++shelf) {
    const WaitingRun* here = *shelf->second.by_turn.begin();
    if (here->ranks != like.ranks || here->dataset != dataset) break;
    const bool alike = here->priority == like.priority && here->turn == like.turn;
    if (alike && (!best || ByTurn()(here, best)) && may(*here)) best = here;
  }
  return best;
}

void WaitingRuns::demand(const WaitingRun& run, int64_t sign) {
  std::map<int64_t, int64_t>& sizes = demands_[run.ranks];
  const auto size = sizes.emplace(run.bytes, 0).first;
  size->second += sign;
  if (size->second == 0) sizes.erase(size);
  if (sizes.empty()) demands_.erase(run.ranks);
}

WaitingRuns::ShelfKey WaitingRuns::shelf_of(const WaitingRun& run) {
  return {run.ranks, run.dataset, size_class(run.bytes)};
}

void WaitingRuns::put(const WaitingRun& run) {
  Shelf& shelf = shelves_[shelf_of(run)];
  shelf.by_turn.insert(&run);
  shelf.by_length.insert(&run);
  shelf.by_estimate.insert(&run);
  all_.by_turn.insert(&run);
  all_.by_length.insert(&run);
}

void WaitingRuns::take(const WaitingRun& run) {
  const auto shelf = shelves_.find(shelf_of(run));
  shelf->second.by_turn.erase(&run);
  shelf->second.by_length.erase(&run);
  shelf->second.by_estimate.erase(&run);
  if (shelf->second.by_turn.empty()) shelves_.erase(shelf);
  all_.by_turn.erase(&run);
  all_.by_length.erase(&run);
}

}  // namespace seqsweep
