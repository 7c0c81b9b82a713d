#include "coordinator/worker_pool.h"

#include <algorithm>

#include "core/base/check.h"

namespace seqsweep {

WorkerPool::WorkerPool(int64_t workers)
    : workers_(static_cast<size_t>(workers + 1)), size_(workers) {}

void WorkerPool::greet(int64_t rank, const std::string& host) {
  SEQ_CHECK(workers_.at(static_cast<size_t>(rank)).state != State::Free);
  workers_.at(static_cast<size_t>(rank)).host = host;
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

void WorkerPool::replace(int64_t rank) {
  Worker& worker = workers_.at(static_cast<size_t>(rank));
  SEQ_CHECK(worker.state == State::Dead);
  worker = {.state = State::Starting, .alone = true, .host = {}, .dataset = {}};
  ++size_, ++size_alone_;
}

bool WorkerPool::holds(const std::string& dataset) const {
  return by_dataset_.contains(dataset);
}

std::vector<std::string> WorkerPool::held() const {
  std::vector<std::string> datasets;
  for (const auto& [dataset, holders] : by_dataset_) datasets.push_back(dataset);
  return datasets;
}

std::vector<int64_t> WorkerPool::take(int64_t ranks, const std::string& dataset) {
  if (ranks == 1 && !alone_.empty()) {
    const int64_t rank = *alone_.begin();
    set(rank, State::Busy);
    return {rank};
  }
  SEQ_CHECK(ranks <= free_);
  std::vector<int64_t> members;
  const auto count = static_cast<size_t>(ranks);
  const auto holders = by_dataset_.find(dataset);
  if (ranks == 1 && holders != by_dataset_.end()) {
    members = {*holders->second.begin()};
    set(members.front(), State::Busy);
  } else if (const auto fits = hosts_by_free_.lower_bound(count); fits != hosts_by_free_.end()) {
    take_from(std::string(*fits->second.begin()), count, members);
  } else {
    while (members.size() < count) {
      const std::string host = *hosts_by_free_.rbegin()->second.begin();
      take_from(host, std::min(count - members.size(), by_host_.at(host).size()), members);
    }
  }
  for (const int64_t rank : members) workers_[static_cast<size_t>(rank)].dataset = dataset;
  std::sort(members.begin(), members.end());
  return members;
}

void WorkerPool::take_from(const std::string& host, size_t count, std::vector<int64_t>& members) {
  for (; count > 0; --count) {
    const int64_t rank = *by_host_.at(host).begin();
    set(rank, State::Busy);
    members.push_back(rank);
  }
}

void WorkerPool::set(int64_t rank, State state) {
  Worker& worker = workers_.at(static_cast<size_t>(rank));
  if (worker.state == state || worker.state == State::Dead) return;
  const auto counts = [](State one) { return one != State::Lost && one != State::Dead; };
  const int64_t more = int64_t{counts(state)} - int64_t{counts(worker.state)};
  size_ += more;
  if (worker.alone) {
    size_alone_ += more;
    if (state == State::Free) alone_.insert(rank);
    if (state != State::Free) alone_.erase(rank);
  } else if (worker.state == State::Free || state == State::Free) {
    std::set<int64_t>& here = by_host_[worker.host];
    if (const auto level = hosts_by_free_.find(here.size()); level != hosts_by_free_.end()) {
      level->second.erase(worker.host);
      if (level->second.empty()) hosts_by_free_.erase(level);
    }
    if (state == State::Free) {
      here.insert(rank);
      ++free_;
      if (!worker.dataset.empty()) by_dataset_[worker.dataset].insert(rank);
    } else {
      here.erase(rank);
      --free_;
      if (const auto holders = by_dataset_.find(worker.dataset); holders != by_dataset_.end()) {
        holders->second.erase(rank);
        if (holders->second.empty()) by_dataset_.erase(holders);
      }
    }
    if (!here.empty()) hosts_by_free_[here.size()].insert(worker.host);
  }
  worker.state = state;
}

}  // namespace seqsweep
