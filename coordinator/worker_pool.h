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

  int64_t size() const { return size_; }  // All but the lost and dead ones.
  int64_t free() const { return free_; }
  bool holds(const std::string& dataset) const;  // A free worker had it in its last run.
  std::vector<std::string> held() const;         // All such data sets.

  // `ranks` free workers, ascending, which are busy then; so many must be free. On the host with
  // the fewest that suffice, else on those with the most. A single one that holds the data set, if
  // any.
  std::vector<int64_t> take(int64_t ranks, const std::string& dataset);

 private:
  enum class State { Starting, Free, Busy, Lost, Dead };
  struct Worker {
    State state = State::Starting;
    std::string host, dataset;  // The data set of its last run.
  };

  void set(int64_t rank, State state);
  void take_from(const std::string& host, size_t count, std::vector<int64_t>& members);

  std::vector<Worker> workers_;  // By rank; 0 is none.
  int64_t size_, free_ = 0;
  std::map<std::string, std::set<int64_t>> by_host_;       // Free ones.
  std::map<size_t, std::set<std::string>> hosts_by_free_;  // No host of none.
  std::map<std::string, std::set<int64_t>> by_dataset_;    // Free ones that hold one.
};

}  // namespace seqsweep
