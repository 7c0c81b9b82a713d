#include "coordinator/worker_pool.h"

#include <algorithm>

#include "core/base/check.h"

namespace seqsweep {
namespace {

constexpr int kHoldersAsked = 16;  // Those of full devices may be many.

}  // namespace

WorkerPool::WorkerPool(int64_t workers, int64_t ranks_per_gpu)
    : workers_(static_cast<size_t>(workers + 1)),
      devices_(ranks_per_gpu),
      size_(workers),
      starting_(workers) {}

void WorkerPool::greet(int64_t rank, const WorkerPlace& place) {
  const Worker& it = worker(rank);
  SEQ_CHECK(it.state == State::Starting || it.state == State::Lost);
  worker(rank).device = devices_.add_worker(place);
  set(rank, State::Free);
}

void WorkerPool::free(int64_t rank) {
  set(rank, State::Free);
}

void WorkerPool::lose(int64_t rank) {
  set(rank, State::Lost);
}

void WorkerPool::bury(int64_t rank) {
  set(rank, State::Dead);
}

bool WorkerPool::could_fit(int64_t ranks, int64_t bytes) const {
  return all_told(ranks) ? devices_.could_fit(ranks, bytes) : ranks <= ranks_max();
}

bool WorkerPool::could_hold(int64_t ranks, int64_t bytes) const {
  return all_told(ranks) ? devices_.could_hold(ranks, bytes) : ranks <= ranks_max();
}

// The devices of all workers that such a run may be on.
bool WorkerPool::all_told(int64_t ranks) const {
  return (ranks == 1 ? starting_ : starting_ - starting_alone_) == 0;
}

void WorkerPool::replace(int64_t rank) {
  SEQ_CHECK(worker(rank).state == State::Dead);
  // Until it says Hello its device is that of the dead one.
  worker(rank) = {.alone = true, .device = worker(rank).device, .seat = {}, .dataset = {}};
  ++size_, ++size_alone_;
  ++starting_, ++starting_alone_;
}

bool WorkerPool::holds(const std::string& dataset) const {
  return by_dataset_.contains(dataset);
}

std::vector<std::string> WorkerPool::held() const {
  std::vector<std::string> datasets;
  for (const auto& [dataset, holders] : by_dataset_) datasets.push_back(dataset);
  return datasets;
}

bool WorkerPool::fits(int64_t ranks, int64_t bytes) const {
  return devices_.fits(ranks, bytes) || (ranks == 1 && alone(bytes));
}

int64_t WorkerPool::places(int64_t ranks) const {
  return std::max<int64_t>(devices_.places(), ranks == 1 && alone(0));
}

const std::optional<Seat>& WorkerPool::seat(int64_t rank) const {
  return worker(rank).seat;
}

Devices::Share WorkerPool::share(int64_t rank) const {
  return devices_.share(*worker(rank).device);
}

std::vector<int64_t> WorkerPool::take(int64_t ranks, int64_t bytes, const std::string& dataset) {
  std::vector<int64_t> members;
  if (ranks == 1) {
    const std::optional<size_t> best = devices_.best(bytes);
    const std::optional<int64_t> lone = alone(bytes);
    SEQ_CHECK(best || lone);
    if (lone && (!best || devices_.crowd(*worker(*lone).device) <= devices_.crowd(*best))) {
      members = {*lone};
    } else {
      members = {holder(dataset, bytes, *best).value_or(devices_.lowest_free(*best))};
    }
    begin(*worker(members[0]).device, members[0], bytes);
  } else {
    for (const size_t device : devices_.best(ranks, bytes)) {
      members.push_back(devices_.lowest_free(device));
      begin(device, members.back(), bytes);
    }
  }
  for (const int64_t rank : members) worker(rank).dataset = dataset;
  std::sort(members.begin(), members.end());
  return members;
}

// Of those that work alone one for which its device has room, the least crowded one.
std::optional<int64_t> WorkerPool::alone(int64_t bytes) const {
  std::optional<int64_t> best;
  for (const int64_t rank : alone_) {
    const size_t device = *worker(rank).device;
    if (!devices_.fits_alone(device, bytes)) continue;
    if (!best || devices_.crowd(device) < devices_.crowd(*worker(*best).device)) best = rank;
  }
  return best;
}

// On a device no more crowded than the best one.
std::optional<int64_t> WorkerPool::holder(const std::string& dataset, int64_t bytes,
                                          size_t best) const {
  const auto holders = by_dataset_.find(dataset);
  if (holders == by_dataset_.end()) return std::nullopt;
  int asked = 0;
  for (const int64_t rank : holders->second) {
    const size_t device = *worker(rank).device;
    const bool fits = devices_.places(device, bytes) > 0;
    if (fits && devices_.crowd(device) <= devices_.crowd(best)) return rank;
    if (++asked == kHoldersAsked) break;
  }
  return std::nullopt;
}

void WorkerPool::begin(size_t device, int64_t rank, int64_t bytes) {
  set(rank, State::Busy);
  worker(rank).seat = devices_.begin(device, rank, bytes);
  worker(rank).seat->alone = worker(rank).alone;
}

void WorkerPool::set(int64_t rank, State state) {
  Worker& it = worker(rank);
  if (it.state == state || it.state == State::Dead) return;
  const auto is_there = [](State one) { return one == State::Free || one == State::Busy; };
  const auto counts = [&](State one) { return is_there(one) || one == State::Starting; };
  const int64_t more = int64_t{counts(state)} - int64_t{counts(it.state)};
  size_ += more;
  if (it.alone) size_alone_ += more;
  if (it.state == State::Starting) --starting_, starting_alone_ -= it.alone;
  if (it.seat) devices_.end(*it.seat);
  it.seat.reset();
  if (is_there(state) && !is_there(it.state)) devices_.join(*it.device, it.alone);
  if (is_there(it.state) && !is_there(state)) devices_.leave(*it.device, it.alone);
  if (it.alone) {
    alone_.erase(rank);
    if (state == State::Free) alone_.insert(rank);
    it.state = state;
    return;
  }
  if (it.state == State::Free) {
    --free_;
    if (state != State::Busy) devices_.set_unfree(*it.device, rank);  // Devices::begin() does it.
    if (const auto holders = by_dataset_.find(it.dataset); holders != by_dataset_.end()) {
      holders->second.erase(rank);
      if (holders->second.empty()) by_dataset_.erase(holders);
    }
  }
  if (state == State::Free) {
    ++free_;
    devices_.set_free(*it.device, rank);
    if (!it.dataset.empty()) by_dataset_[it.dataset].insert(rank);
  }
  it.state = state;
}

}  // namespace seqsweep
