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
  SEQ_CHECK(!worker(rank).device);
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
  return starting_ > 0 ? ranks <= size_ : devices_.could_fit(ranks, bytes);
}

bool WorkerPool::could_hold(int64_t ranks, int64_t bytes) const {
  return starting_ > 0 ? ranks <= size_ : devices_.could_hold(ranks, bytes);
}

bool WorkerPool::holds(const std::string& dataset) const {
  return by_dataset_.contains(dataset);
}

std::vector<std::string> WorkerPool::held() const {
  std::vector<std::string> datasets;
  for (const auto& [dataset, holders] : by_dataset_) datasets.push_back(dataset);
  return datasets;
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
    const std::optional<size_t> device = devices_.best(bytes);
    SEQ_CHECK(device);
    members = {holder(dataset, bytes, *device).value_or(devices_.lowest_free(*device))};
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
}

void WorkerPool::set(int64_t rank, State state) {
  Worker& it = worker(rank);
  if (it.state == state || it.state == State::Dead) return;
  const auto is_there = [](State one) { return one == State::Free || one == State::Busy; };
  const auto counts = [&](State one) { return is_there(one) || one == State::Starting; };
  size_ += int64_t{counts(state)} - int64_t{counts(it.state)};
  if (it.state == State::Starting) --starting_;
  if (it.seat) devices_.end(*it.seat);
  it.seat.reset();
  if (is_there(state) && !is_there(it.state)) devices_.join(*it.device);
  if (is_there(it.state) && !is_there(state)) devices_.leave(*it.device);
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
