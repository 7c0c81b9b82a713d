// The runs that wait, so ordered that the next one is found in a few steps however many there are:
// runs of as many ranks on the same data set that need about as much memory stand on one shelf, and
// a decision looks at the first of each shelf.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace seqsweep {

struct WaitingRun {
  std::string run_id, label;
  int64_t ranks = 1;
  int64_t priority = 0;       // Higher ones first.
  int64_t turn = 0;           // Lower ones first: the number of its seed.
  double estimate_s = 0;      // How long it will take.
  double path_s = 0;          // And the longest chain of runs that need it, one after the other.
  int64_t position = 0;       // In the grid; decides between equals.
  std::string dataset;        // What a worker need not open again when it did the last time.
  int64_t not_before_ms = 0;  // Backs off until then.
  // Of memory that each rank is expected to hold at most; 0: it is not looked at; kWholeDevice: its
  // devices to itself.
  int64_t bytes = 0;
  bool bytes_are_known = false;  // Measured or planned, not guessed from other runs.
};

class WaitingRuns {
 public:
  enum class Order {
    Turn,    // By priority, then the lowest turn, then the longest path.
    Length,  // By priority, then the longest path.
  };

  // Replaces one of the same id.
  void add(WaitingRun run);
  void remove(const std::string& run_id);
  void wake(int64_t now_ms);  // Those that backed off until now are seen from now on.

  bool empty() const { return entries_.empty(); }
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  const WaitingRun* find(const std::string& run_id) const;
  double work_s() const { return work_s_; }  // Worker time of all of them.

  // Of the runs that need at most so many ranks and do not back off; nullptr: there is none. They
  // are good until the next change.
  const WaitingRun* first(Order order, int64_t ranks_max) const;
  // Of those that may start. Of a shelf only the first one is asked.
  using May = std::function<bool(const WaitingRun&)>;
  const WaitingRun* first_that(Order order, int64_t ranks_max, const May& may) const;
  const WaitingRun* longest_within(double seconds, int64_t ranks_max, const May& may) const;
  double longest_path_s(int64_t ranks_max) const;
  // By ranks, and by the bytes that each of them needs (kWholeDevice too): how many runs.
  using Demands = std::map<int64_t, std::map<int64_t, int64_t>>;
  const Demands& demands() const { return demands_; }

  // The first of those that are on this data set and in all that comes before length equal `like`.
  const WaitingRun* alike_on(const std::string& dataset, const WaitingRun& like,
                             const May& may) const;

  const auto& all() const { return entries_; }  // By id.

 private:
  struct ByTurn {
    bool operator()(const WaitingRun* a, const WaitingRun* b) const;
  };
  struct ByLength {
    bool operator()(const WaitingRun* a, const WaitingRun* b) const;
  };
  struct ByEstimate {  // The shortest first.
    bool operator()(const WaitingRun* a, const WaitingRun* b) const;
  };
  struct Shelf {
    std::set<const WaitingRun*, ByTurn> by_turn;
    std::set<const WaitingRun*, ByLength> by_length;
    std::set<const WaitingRun*, ByEstimate> by_estimate;
  };

  using ShelfKey = std::tuple<int64_t, std::string, int>;  // Ranks, data set, class of size.
  static ShelfKey shelf_of(const WaitingRun& run);
  void demand(const WaitingRun& run, int64_t sign);
  void put(const WaitingRun& run);
  void take(const WaitingRun& run);

  std::unordered_map<std::string, WaitingRun> entries_;
  std::map<ShelfKey, Shelf> shelves_;                       // None is empty.
  Shelf all_;                                               // What stands on them.
  std::set<std::pair<int64_t, const WaitingRun*>> asleep_;  // By when they wake.
  Demands demands_;
  double work_s_ = 0;
};

}  // namespace seqsweep
