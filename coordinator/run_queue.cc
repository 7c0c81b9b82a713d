#include "coordinator/run_queue.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"

namespace seqsweep {
namespace {

std::string without_seed(const std::string& label) {
  return label.substr(0, label.rfind('/'));
}

}  // namespace

RunQueue::RunQueue(std::vector<SweepRun> runs, RetryRule rule)
    : rule_(rule), runs_(std::move(runs)) {
  for (size_t i = 0; i < runs_.size(); ++i) {
    index_[runs_[i].run_id] = i;
    needed_.insert(runs_[i].needs.begin(), runs_[i].needs.end());
  }
}

const SweepRun& RunQueue::run(const std::string& run_id) const {
  const auto found = index_.find(run_id);
  SEQ_CHECK(found != index_.end());
  return runs_[found->second];
}

std::string RunQueue::label(const std::string& run_id) const {
  return index_.contains(run_id) ? run(run_id).label : run_id;
}

void RunQueue::refill(std::span<const QueuedRun> pending) {
  waiting_.clear();
  for (const QueuedRun& run : pending) {
    if (index_.contains(run.run_id)) waiting_.push_back(run.run_id);
  }
}

void RunQueue::remove(const std::string& run_id) {
  std::erase(waiting_, run_id);
}

std::vector<WaitingRun> RunQueue::waiting() const {
  std::vector<WaitingRun> waiting;
  for (const std::string& run_id : waiting_) {
    const SweepRun& asked = run(run_id);
    const auto failed = failures_.find(run_id);
    waiting.push_back(
        {.run_id = run_id,
         .label = asked.label,
         .ranks = asked.config.train.ranks,
         .estimate_s = estimate_s(asked),
         .not_before_ms = failed == failures_.end() ? 0 : failed->second.not_before_ms});
  }
  return waiting;
}

std::vector<std::optional<double>> RunQueue::estimates_s() const {
  std::vector<std::optional<double>> estimates;
  for (const std::string& run_id : waiting_) estimates.push_back(estimate_s(run(run_id)));
  return estimates;
}

bool RunQueue::may_retry(const std::string& run_id) const {
  const auto failed = failures_.find(run_id);
  return failed == failures_.end() ? rule_.retries_max > 0
                                   : failed->second.count < rule_.retries_max;
}

void RunQueue::note_failure(const std::string& run_id, int64_t now_ms) {
  Failures& failures = failures_[run_id];
  const double delay_s = std::ldexp(rule_.delay_s, static_cast<int>(failures.count));
  ++failures.count;
  failures.not_before_ms = now_ms + static_cast<int64_t>(delay_s * 1000);
}

void RunQueue::note_duration(const std::string& run_id, double seconds) {
  Durations& durations = durations_[without_seed(label(run_id))];
  durations.sum_s += seconds;
  ++durations.count;
}

std::optional<double> RunQueue::estimate_s(const SweepRun& run) const {
  const auto known = durations_.find(without_seed(run.label));
  if (known == durations_.end()) return std::nullopt;
  return known->second.sum_s / static_cast<double>(known->second.count);
}

}  // namespace seqsweep
