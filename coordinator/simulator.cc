#include "coordinator/simulator.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <unordered_map>

#include "coordinator/scheduler.h"
#include "core/base/error.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

class Cluster {
 public:
  Cluster(const std::vector<SimulatedRun>& runs, const SimulatedCluster& settings)
      : settings_(settings),
        scheduler_(settings.ranks, settings.ranks_per_gpu),
        rng_(settings.seed) {
    for (int64_t rank = 1; rank <= settings.ranks; ++rank) scheduler_.greet(rank, place_of(rank));
    result_.capacity = scheduler_.capacity();
    for (const SimulatedRun& run : runs) {
      State& state = states_[run.run.run_id];
      state = {.run = &run, .left_s = run.seconds, .unmet = static_cast<int64_t>(run.needs.size())};
      state.path_s = run.seconds;
      for (const std::string& needed : run.needs) {
        State& before = states_.at(needed);
        before.users.push_back(run.run.run_id);
        state.path_s = std::max(state.path_s, before.path_s + run.seconds);
      }
      longest_s_ = std::max(longest_s_, state.path_s);
      work_s_ += run.seconds * static_cast<double>(run.run.ranks);
      if (state.unmet == 0) scheduler_.add(run.run);
    }
    if (const auto impossible = scheduler_.impossible(); !impossible.empty()) {
      throw_input("simulation: run {} {}", impossible.front(),
                  scheduler_.reason(impossible.front(), 0));
    }
  }

  SimulatedSchedule run() {
    start();
    while (!ends_.empty()) {
      now_ms_ = ends_.top().at_ms;
      while (!ends_.empty() && ends_.top().at_ms == now_ms_) {
        const End end = ends_.top();
        ends_.pop();
        apply(end);
      }
      start();
    }
    result_.makespan_s = double(last_end_ms_) / 1000;
    const auto capacity = static_cast<double>(result_.capacity);
    result_.bound_s = std::max(work_s_ / capacity, longest_s_);
    result_.utilisation = busy_s_ / std::max(result_.makespan_s * capacity, 1e-9);
    return std::move(result_);
  }

 private:
  struct State {
    const SimulatedRun* run = nullptr;
    double left_s = 0, path_s = 0;
    int64_t unmet = 0;
    std::vector<std::string> users;  // Runs that need it.
  };
  struct Group {
    State* state = nullptr;
    std::vector<int64_t> members;
    int64_t start_ms = 0;
    bool fails = false;
  };
  struct End {
    int64_t at_ms = 0;
    int64_t leader = 0;                       // 0: only a time to look again.
    bool operator<(const End& other) const {  // The earliest on top.
      return std::pair(at_ms, leader) > std::pair(other.at_ms, other.leader);
    }
  };

  WorkerPlace place_of(int64_t rank) const {
    const int64_t number = (rank - 1) % settings_.ranks_per_host;
    WorkerPlace place{.host = std::to_string((rank - 1) / settings_.ranks_per_host), .gpu = ""};
    if (settings_.gpus_per_host == 0) return place;
    place.gpu = std::to_string(number % settings_.gpus_per_host);
    place.bytes = settings_.gpu_bytes;
    return place;
  }

  void start() {
    for (const Scheduler::Start& start : scheduler_.start(now_ms_)) {
      State& state = states_.at(start.run_id);
      double seconds = state.left_s;
      const double rate = settings_.failures_per_hour / 3600 * double(start.members.size());
      const double failure_s = rate > 0 ? -std::log1p(-rng_.uniform()) / rate : seconds + 1;
      const bool fails = failure_s < seconds;
      if (fails) seconds = failure_s;
      busy_ += static_cast<int64_t>(start.members.size());
      busy_s_ += seconds * double(start.members.size());
      ends_.push(
          {now_ms_ + std::max<int64_t>(1, std::llround(seconds * 1000)), start.members.front()});
      result_.order.push_back(start.run_id);
      ++result_.attempts;
      groups_[start.members.front()] = {&state, start.members, now_ms_, fails};
    }
    if (result_.curve.empty() || result_.curve.back().busy != busy_) {
      result_.curve.push_back({double(now_ms_) / 1000, busy_});
    }
  }

  void apply(const End& end) {
    if (end.leader == 0) return;
    const Group group = std::move(groups_.at(end.leader));
    groups_.erase(end.leader);
    scheduler_.release(group.members);
    busy_ -= static_cast<int64_t>(group.members.size());
    if (group.fails) return retry(group);
    last_end_ms_ = now_ms_;
    for (const std::string& user : group.state->users) {
      State& waits = states_.at(user);
      if (--waits.unmet == 0) scheduler_.add(waits.run->run);
    }
  }

  void retry(const Group& group) {
    ++result_.failures;
    const double spent_s = double(now_ms_ - group.start_ms) / 1000;
    State& state = *group.state;
    const double kept_s = std::floor(spent_s / settings_.checkpoint_s) * settings_.checkpoint_s;
    state.left_s = std::max(state.left_s - kept_s, 1e-3);
    WaitingRun again = state.run->run;
    again.estimate_s = std::max(again.estimate_s * state.left_s / state.run->seconds, 1e-3);
    again.path_s = std::max(again.path_s - state.run->run.estimate_s + again.estimate_s, 1e-3);
    again.not_before_ms = now_ms_ + std::llround(settings_.retry_delay_s * 1000);
    ends_.push({again.not_before_ms, 0});
    scheduler_.add(std::move(again));
  }

  const SimulatedCluster& settings_;
  Scheduler scheduler_;
  Rng rng_;
  std::unordered_map<std::string, State> states_;
  std::unordered_map<int64_t, Group> groups_;  // By leader.
  std::priority_queue<End> ends_;
  int64_t now_ms_ = 0, last_end_ms_ = 0, busy_ = 0;
  double work_s_ = 0, longest_s_ = 0, busy_s_ = 0;
  SimulatedSchedule result_;
};

}  // namespace

SimulatedSchedule simulate(const std::vector<SimulatedRun>& runs, const SimulatedCluster& cluster) {
  return Cluster(runs, cluster).run();
}

}  // namespace seqsweep
