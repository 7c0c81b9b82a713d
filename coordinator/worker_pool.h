// The workers of a sweep by what they do, so ordered that a group is found in a few steps.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace seqsweep {

class WorkerPool {
 public:
  explicit WorkerPool(int64_t workers);  // World ranks from 1; none has said Hello.

  void greet(int64_t rank, const std::string& host);  // It is ready.
  void free(int64_t rank);                            // Also of one that was lost.
  void lose(int64_t rank);
  void bury(int64_t rank);  // It died: never free again.
  // Another process has this dead one's number: it has to say Hello, and then works, but alone.
  void replace(int64_t rank);

  int64_t size() const { return size_; }                         // All but the lost and dead ones.
  int64_t size_together() const { return size_ - size_alone_; }  // Without those that work alone.
  int64_t free() const { return free_ + free_alone(); }
  int64_t free_together() const { return free_; }
  int64_t free_alone() const { return static_cast<int64_t>(alone_.size()); }
  bool works_alone(int64_t rank) const { return workers_.at(static_cast<size_t>(rank)).alone; }
  bool holds(const std::string& dataset) const;  // A free worker had it in its last run.
  std::vector<std::string> held() const;         // All such data sets.

  // `ranks` free workers, ascending, which are busy then; so many must be free. For a run on one
  // rank one that works alone, if any: the others can do more. Else on the host with
  // the fewest that suffice, else on those with the most. A single one that holds the data set, if
  // any.
  std::vector<int64_t> take(int64_t ranks, const std::string& dataset);

 private:
  enum class State { Starting, Free, Busy, Lost, Dead };
  struct Worker {
    State state = State::Starting;
    bool alone = false;
    std::string host, dataset;  // The data set of its last run.
  };

  void set(int64_t rank, State state);
  void take_from(const std::string& host, size_t count, std::vector<int64_t>& members);

  std::vector<Worker> workers_;  // By rank; 0 is none.
  int64_t size_, size_alone_ = 0, free_ = 0;
  std::set<int64_t> alone_;                                // Free ones that work alone.
  std::map<std::string, std::set<int64_t>> by_host_;       // Free ones.
  std::map<size_t, std::set<std::string>> hosts_by_free_;  // No host of none.
  std::map<std::string, std::set<int64_t>> by_dataset_;    // Free ones that hold one.
};

}  // namespace seqsweep
