#include "coordinator/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "core/base/check.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

std::vector<const WaitingRun*> in_order(std::span<const WaitingRun> queue) {
  std::vector<const WaitingRun*> order;
  for (const WaitingRun& run : queue) order.push_back(&run);
  std::stable_sort(order.begin(), order.end(), [](const WaitingRun* a, const WaitingRun* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return a->estimate_s.value_or(kForever) > b->estimate_s.value_or(kForever);
  });
  return order;
}

// The workers while the decisions are taken.
class Floor {
 public:
  explicit Floor(std::span<const WorkerSlot> workers) : workers_(workers.begin(), workers.end()) {}

  int64_t size() const { return static_cast<int64_t>(workers_.size()); }
  int64_t free() const { return std::count_if(workers_.begin(), workers_.end(), is_free); }

  // `ranks` free workers until `end_ms`: of the host with the fewest that suffice, else of the
  // hosts with the most.
  std::vector<int64_t> take(int64_t ranks, std::optional<int64_t> end_ms) {
    SEQ_CHECK(ranks <= free());
    std::map<std::string, std::vector<WorkerSlot*>> by_host;
    for (WorkerSlot& worker : workers_) {
      if (is_free(worker)) by_host[worker.host].push_back(&worker);
    }
    std::vector<std::vector<WorkerSlot*>> hosts;
    for (auto& [host, free] : by_host) hosts.push_back(std::move(free));
    const auto count = static_cast<size_t>(ranks);
    std::stable_sort(hosts.begin(), hosts.end(), [&](const auto& a, const auto& b) {
      const bool a_fits = a.size() >= count, b_fits = b.size() >= count;
      if (a_fits != b_fits) return a_fits;
      return a_fits ? a.size() < b.size() : a.size() > b.size();
    });
    std::vector<int64_t> members;
    for (const auto& host : hosts) {
      for (WorkerSlot* worker : host) {
        if (members.size() == count) break;
        worker->state = WorkerSlot::State::Busy;
        worker->free_at_ms = end_ms;
        members.push_back(worker->rank);
      }
    }
    std::sort(members.begin(), members.end());
    return members;
  }

  // When `ranks` workers will be free at once, and how many more will be free then. Nothing when a
  // worker that is needed for it does not know.
  struct Start {
    int64_t at_ms = 0;
    int64_t spare = 0;
  };
  std::optional<Start> expected_start(int64_t ranks, int64_t now_ms) const {
    std::vector<int64_t> ends;
    for (const WorkerSlot& worker : workers_) {
      if (is_free(worker)) {
        ends.push_back(now_ms);
      } else if (worker.free_at_ms) {
        ends.push_back(std::max(now_ms, *worker.free_at_ms));
      }
    }
    if (static_cast<int64_t>(ends.size()) < ranks) return std::nullopt;
    std::sort(ends.begin(), ends.end());
    const int64_t at_ms = ends[static_cast<size_t>(ranks - 1)];
    const auto free_then = std::upper_bound(ends.begin(), ends.end(), at_ms) - ends.begin();
    return Start{at_ms, free_then - ranks};
  }

 private:
  static bool is_free(const WorkerSlot& worker) { return worker.state == WorkerSlot::State::Free; }

  std::vector<WorkerSlot> workers_;
};

// The place kept for the first run that waits for workers.
struct Reservation {
  std::string label;
  std::optional<Floor::Start> start;

  // True when a run that takes free workers until `end_ms` leaves the start where it is.
  bool allows(int64_t ranks, std::optional<int64_t> end_ms) {
    if (!start) return false;
    if (end_ms && *end_ms <= start->at_ms) return true;
    if (ranks > start->spare) return false;
    start->spare -= ranks;
    return true;
  }
};

std::string workers_text(int64_t count) {
  return fmt::format("{} worker{}", count, count == 1 ? "" : "s");
}

Decision decide(const WaitingRun& run, Floor& floor, std::optional<Reservation>& reserved,
                int64_t now_ms) {
  Decision decision{.run_id = run.run_id};
  if (run.ranks > floor.size()) {
    decision.placement = Placement::Impossible;
    decision.reason =
        fmt::format("needs {} ranks, there {} {}: start with more, or lower train.ranks", run.ranks,
                    floor.size() == 1 ? "is" : "are", workers_text(floor.size()));
    return decision;
  }
  if (run.not_before_ms > now_ms) {
    decision.reason =
        fmt::format("tried again in {}", human_duration(double(run.not_before_ms - now_ms) / 1000));
    return decision;
  }
  const int64_t free = floor.free();
  std::optional<int64_t> end_ms;
  if (run.estimate_s) end_ms = now_ms + static_cast<int64_t>(*run.estimate_s * 1000);
  if (run.ranks > free) {
    decision.reason = fmt::format("needs {}, {} free", workers_text(run.ranks),
                                  free == 0   ? "none is"
                                  : free == 1 ? "one is"
                                              : fmt::format("{} are", free));
    if (!reserved) reserved = Reservation{run.label, floor.expected_start(run.ranks, now_ms)};
  } else if (reserved && !reserved->allows(run.ranks, end_ms)) {
    decision.reason = fmt::format("the free workers are reserved for {}", reserved->label);
  } else {
    decision.placement = Placement::Placed;
    decision.members = floor.take(run.ranks, end_ms);
  }
  return decision;
}

}  // namespace

std::vector<Decision> schedule(std::span<const WaitingRun> queue,
                               std::span<const WorkerSlot> workers, int64_t now_ms) {
  Floor floor(workers);
  std::optional<Reservation> reserved;
  std::vector<Decision> decisions;
  for (const WaitingRun* run : in_order(queue)) {
    decisions.push_back(decide(*run, floor, reserved, now_ms));
  }
  return decisions;
}

}  // namespace seqsweep
