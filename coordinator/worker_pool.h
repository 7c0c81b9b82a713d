// The workers of a sweep by what they do, and the devices that they do it on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/devices.h"

namespace seqsweep {

class WorkerPool {
 public:
  // World ranks from 1; none has said Hello.
  explicit WorkerPool(int64_t workers, int64_t ranks_per_gpu = 1);

  void greet(int64_t rank, const WorkerPlace& place);  // It is ready.
  void free(int64_t rank);                             // Also of one that was lost.
  void lose(int64_t rank);
  void bury(int64_t rank);  // It died: never free again.
  // Another process has this dead one's number: it has to say Hello, and then works, but alone.
  void replace(int64_t rank);

  int64_t size() const { return size_; }                         // All but the lost and dead ones.
  int64_t size_together() const { return size_ - size_alone_; }  // Without those that work alone.
  int64_t free() const { return free_ + std::ssize(alone_); }
  int64_t free_together() const { return free_; }
  // Ranks that may train at once; workers that are starting count.
  int64_t capacity() const { return devices_.capacity() + starting_; }
  int64_t ranks_max() const { return std::max<int64_t>(1, size_together()); }  // Of a run.
  // Were all ready and nothing running. Nobody knows the devices of those that are starting.
  bool could_fit(int64_t ranks, int64_t bytes) const;
  bool could_hold(int64_t ranks, int64_t bytes) const;
  bool holds(const std::string& dataset) const;  // A free worker had it in its last run.
  std::vector<std::string> held() const;         // All such data sets.

  // Now, on so many bytes each of their devices. Where a single rank fits, another may not.
  bool fits(int64_t ranks, int64_t bytes) const;
  // Free workers that a device has a place for: of those that work alone one counts, for one rank.
  int64_t places(int64_t ranks) const;
  // `ranks` free workers, ascending, which are busy then, each on so many bytes of its device;
  // fits() so many. Where Devices::best() says; of as good ones a single rank is on one that works
  // alone, if any, for the others can do more, else on one that holds the data set, if any.
  std::vector<int64_t> take(int64_t ranks, int64_t bytes, const std::string& dataset);

  const Devices& devices() const { return devices_; }
  void hold(size_t device, Room room) { devices_.hold(device, room); }
  const std::optional<Seat>& seat(int64_t rank) const;  // Nothing: it is not at work.
  Devices::Share share(int64_t rank) const;             // Of its device, of one that said Hello.

 private:
  enum class State { Starting, Free, Busy, Lost, Dead };
  struct Worker {
    State state = State::Starting;
    bool alone = false;
    std::optional<size_t> device;
    std::optional<Seat> seat;
    std::string dataset;  // Of its last run.
  };

  Worker& worker(int64_t rank) { return workers_.at(static_cast<size_t>(rank)); }
  const Worker& worker(int64_t rank) const { return workers_.at(static_cast<size_t>(rank)); }
  void set(int64_t rank, State state);
  void begin(size_t device, int64_t rank, int64_t bytes);
  std::optional<int64_t> alone(int64_t bytes) const;
  bool all_told(int64_t ranks) const;
  std::optional<int64_t> holder(const std::string& dataset, int64_t bytes, size_t best) const;

  std::vector<Worker> workers_;  // By rank; 0 is none.
  Devices devices_;
  int64_t size_, starting_, free_ = 0;  // In groups or alone; the free ones that may be in groups.
  int64_t size_alone_ = 0, starting_alone_ = 0;
  std::set<int64_t> alone_;                              // Free ones that work alone.
  std::map<std::string, std::set<int64_t>> by_dataset_;  // Free ones that hold one.
};

}  // namespace seqsweep
