#include "coordinator/run_queue.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"

namespace seqsweep {
namespace {

constexpr const char* kGpu = "cuda";  // device_class() of one.

}  // namespace

RunQueue::RunQueue(std::vector<SweepRun> runs, RetryRule rule, Estimator estimator)
    : rule_(rule), estimator_(std::move(estimator)), runs_(std::move(runs)), known_(runs_.size()) {
  all_on_cpu_ = std::ranges::all_of(
      runs_, [](const SweepRun& run) { return run.config.train.device == DeviceChoice::Cpu; });
  std::map<int64_t, int64_t> turns;  // By seed.
  for (size_t i = 0; i < runs_.size(); ++i) {
    index_[runs_[i].run_id] = i;
    known_[i].kind = estimator_.kind_of(runs_[i].config);
    const auto next = static_cast<int64_t>(turns.size());
    known_[i].turn = turns.emplace(runs_[i].config.seed, next).first->second;
  }
  for (size_t i = 0; i < runs_.size(); ++i) {
    for (const std::string& needed : runs_[i].needs) {
      if (const auto found = index_.find(needed); found != index_.end()) {
        known_[found->second].users.push_back(i);
      }
    }
  }
}

const SweepRun& RunQueue::run(const std::string& run_id) const {
  const auto found = index_.find(run_id);
  SEQ_CHECK(found != index_.end());
  return runs_[found->second];
}

std::string RunQueue::label(const std::string& run_id) const {
  return has(run_id) ? run(run_id).label : run_id;
}

bool RunQueue::is_needed(const std::string& run_id) const {
  const auto found = index_.find(run_id);
  return found != index_.end() && !known_[found->second].users.empty();
}

WaitingRun RunQueue::waiting(const std::string& run_id) const {
  const SweepRun& asked = run(run_id);
  const size_t at = index_.at(run_id);
  const auto failed = failures_.find(run_id);
  const ExpectedMemory expected = memory(at).value_or(ExpectedMemory{unknown_bytes(at), false});
  return {.run_id = run_id,
          .label = asked.label,
          .ranks = asked.config.train.ranks,
          .priority = asked.priority,
          .turn = known_[at].turn,
          .estimate_s = estimator_.seconds(known_[at].kind, device_),
          .path_s = path_s(at),
          .position = static_cast<int64_t>(at),
          .dataset = known_[at].kind.dataset,
          .not_before_ms = failed == failures_.end() ? 0 : failed->second.not_before_ms,
          .bytes = expected.bytes,
          .bytes_are_known = expected.is_known};
}

std::optional<ExpectedMemory> RunQueue::memory(size_t run) const {
  if (!uses_device(run)) return std::nullopt;
  const auto expected = estimator_.memory(known_[run].kind, device_);
  const auto planned = planned_.find(runs_[run].run_id);
  if (expected || planned == planned_.end()) return expected;
  return ExpectedMemory{planned->second, true};
}

// A GPU that runs out of memory takes down whoever asks next, so nobody beside a run of which
// nothing is known. On a host it is what every process does.
int64_t RunQueue::unknown_bytes(size_t run) const {
  return device_ == kGpu && uses_device(run) ? kWholeDevice : 0;
}

bool RunQueue::uses_device(size_t run) const {
  return device_ != kGpu || runs_[run].config.train.device != DeviceChoice::Cpu;
}

// Its own time and the longest chain of those that need it.
double RunQueue::path_s(size_t run) const {
  double behind_s = 0;
  for (const size_t user : known_[run].users) behind_s = std::max(behind_s, path_s(user));
  return estimator_.seconds(known_[run].kind, device_) + behind_s;
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

bool RunQueue::set_device(const std::string& device) {
  const bool is_new = device_class(device) != device_ && device_ != kGpu;
  if (is_new) device_ = device_class(device);
  return is_new;
}

bool RunQueue::learn(const std::string& run_id, const std::string& device, double seconds) {
  const auto found = index_.find(run_id);
  if (found == index_.end()) return false;
  estimator_.learn(known_[found->second].kind, device, seconds);
  if (++learnt_ < learnt_next_) return false;
  learnt_next_ *= 2;  // So often that all of it stays cheap.
  return true;
}

bool RunQueue::learn_memory(const std::string& run_id, const std::string& device, double bytes) {
  const auto found = index_.find(run_id);
  if (found == index_.end() || !uses_device(found->second)) return false;
  const auto before = memory(found->second);
  estimator_.learn_memory(known_[found->second].kind, device, bytes);
  const auto now = memory(found->second);
  return now && (!before || now->bytes != before->bytes);
}

void RunQueue::note_shortage(const std::string& run_id, const Devices::Share& device) {
  const auto found = index_.find(run_id);
  if (found == index_.end() || !uses_device(found->second)) return;
  const int64_t expected = waiting(run_id).bytes;
  const bool all = expected >= device.bytes / 2 || device.slots <= 1;
  const int64_t raised = !all ? std::max(2 * expected, device.bytes / device.slots)
                         : device.bytes < device.largest ? device.bytes + 1
                                                         : kWholeDevice;
  estimator_.raise_memory(known_[found->second].kind, device_, raised);
}

}  // namespace seqsweep
