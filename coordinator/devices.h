// What workers compute on: a GPU each, which several may share, or their host where there is none;
// which of them are free and how much of its memory is spoken for. So ordered that room is found in
// a few steps however many there are.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace seqsweep {

// Instead of a number of bytes: a run that has its devices to itself, and may be on one of them
// with more ranks than have a place there.
constexpr int64_t kWholeDevice = INT64_MAX;

struct WorkerPlace {  // Where a worker computes.
  std::string host;
  std::string gpu;    // Which one of the host; "": its CPU.
  int64_t bytes = 0;  // Memory of the GPU, else of the host; 0: not told, and taken to suffice.
};

struct Seat {  // Of a worker at work.
  int64_t rank = 0;
  size_t device = 0;
  int64_t bytes = 0;  // Spoken for.
  bool alone = false;
};

struct Room {
  int64_t places = 0;  // For workers.
  int64_t bytes = 0;
};

class Devices {
 public:
  // At most so many ranks train on a GPU at once; on a host's CPU as many as it has workers.
  explicit Devices(int64_t ranks_per_gpu);

  // ---- workers ----
  // One that works alone is in no group: it uses its device up as others do, but is never free
  // here, nor a place for a rank of several.
  size_t add_worker(const WorkerPlace& place);    // Returns the number of its device.
  void join(size_t device, bool alone = false);   // It is there, or again.
  void leave(size_t device, bool alone = false);  // It is lost or dead.
  void set_free(size_t device, int64_t rank);
  void set_unfree(size_t device, int64_t rank);
  int64_t lowest_free(size_t device) const { return *devices_[device].free_ranks.begin(); }
  Seat begin(size_t device, int64_t rank, int64_t bytes);  // A free one goes to work.
  void end(const Seat& seat);                              // It is not free yet.

  // ---- room, for ranks that each need so many bytes ----
  int64_t places() const { return places_; }  // Free workers that a device has a place for.
  int64_t places(size_t device, int64_t bytes) const;
  bool fits(int64_t ranks, int64_t bytes) const;
  bool fits_alone(size_t device, int64_t bytes) const;  // One rank, on a worker that works alone.
  // Devices on which such ranks fit, the roomiest first, until there are `ranks` places.
  std::vector<size_t> some(int64_t ranks, int64_t bytes) const;
  // For one rank: the GPU with the fewest runs on it, on the host with the fewest places, where it
  // fits tightest.
  std::optional<size_t> best(int64_t bytes) const;
  // For several, which must fit: a device a rank. On the host with the fewest places that suffice,
  // else on those with the most; on different GPUs as far as they go.
  std::vector<size_t> best(int64_t ranks, int64_t bytes) const;
  int64_t crowd(size_t device) const { return crowd(devices_[device]); }  // Ranks on a GPU.
  int64_t most_spare_bytes() const;                                       // Where a place is.

  // ---- and later ----
  struct Load {
    int64_t free = 0, busy = 0;  // Workers; those that work alone are among the busy ones only.
    int64_t bytes = 0;           // Spoken for.
    Room held;
  };
  const Load& load(size_t device) const { return devices_[device].load; }
  int64_t places(size_t device, const Load& load, int64_t bytes) const;
  Room room(size_t device, const Load& load) const;
  void hold(size_t device, Room room);  // Nobody gets so much of it, instead of what was held.

  // ---- were nothing running ----
  int64_t capacity() const { return capacity_; }        // Places.
  bool could_fit(int64_t ranks, int64_t bytes) const;   // By places and memory.
  bool could_hold(int64_t ranks, int64_t bytes) const;  // By workers and memory.
  bool is_gpu(size_t device) const { return devices_[device].is_gpu; }
  int64_t most_bytes() const;  // Of the largest device.
  bool has_gpus() const { return has_gpus_; }
  struct Share {        // Of a device.
    int64_t bytes = 0;  // Its memory.
    int64_t slots = 0;  // Workers that may train on it at once.
    int64_t workers = 0;
    int64_t largest = 0;  // Memory of the largest device that there is.
  };
  Share share(size_t device) const;

 private:
  struct Device {
    size_t host = 0;
    bool is_gpu = false;
    int64_t bytes = 0;
    int64_t workers = 0, alone = 0;  // Those that may be in groups, and the others.
    std::set<int64_t> free_ranks;
    Load load;
  };
  struct Host {
    std::vector<size_t> devices;
    int64_t places = 0;
  };
  struct Kind {  // For groups.
    int64_t bytes = 0, slots = 0, workers = 0;
    auto operator<=>(const Kind&) const = default;
  };
  using ByRoom = std::tuple<int64_t, int64_t, int64_t, size_t>;  // Crowd, host's places, bytes.

  int64_t limit(const Device& device) const { return device.is_gpu ? ranks_per_gpu_ : INT64_MAX; }
  int64_t slots(const Device& device, int64_t workers) const {
    return std::min(workers, limit(device));
  }
  static int64_t all(const Device& device) { return device.workers + device.alone; }
  bool could(int64_t ranks, int64_t bytes, int64_t Kind::*places) const;
  static int64_t crowd(const Device& device) { return device.is_gpu ? device.load.busy : 0; }
  int64_t host_places(const Host& host, int64_t bytes) const;
  void seat_on(const Host& host, int64_t ranks, int64_t bytes, std::vector<size_t>& seats) const;
  void count(const Device& device, int64_t sign);
  template <typename Change>
  void update(size_t device, Change&& change);
  void list(size_t host, bool in);

  int64_t ranks_per_gpu_;
  bool has_gpus_ = false;
  std::vector<Device> devices_;
  std::vector<Host> hosts_;
  std::map<std::string, size_t> host_numbers_;
  std::map<std::pair<size_t, std::string>, size_t> numbers_;  // By host and GPU.
  int64_t places_ = 0, capacity_ = 0;
  std::map<Kind, int64_t> kinds_;  // Of devices with workers, counted.
  // Devices with a place, and their hosts.
  std::set<ByRoom> by_room_;
  std::set<std::pair<int64_t, size_t>> by_spare_, idle_;  // By bytes to spare.
  std::set<std::pair<int64_t, size_t>> hosts_by_places_;
};

}  // namespace seqsweep
