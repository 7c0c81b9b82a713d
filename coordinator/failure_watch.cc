#include "coordinator/failure_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace seqsweep {
namespace {

constexpr size_t kWindow = 20;
constexpr int64_t kAlike = 6;  // 30 % of them.
constexpr size_t kModels = 3;  // That a fault of runs must have.

bool alike(const FailureWatch::Failure& a, const FailureWatch::Failure& b) {
  return a.cause == b.cause && (a.one_kind || a.text == b.text);
}

}  // namespace

void FailureWatch::note_success() {
  note(std::nullopt);
}

void FailureWatch::note_failure(Failure failure) {
  note(std::move(failure));
}

void FailureWatch::note(std::optional<Failure> failure) {
  last_.push_back(std::move(failure));
  if (last_.size() > kWindow) last_.pop_front();
  if (!last_.back() || alarm_) return;
  const Failure& newest = *last_.back();
  int64_t count = 0;
  std::set<std::string> models;
  for (const auto& one : last_) {
    if (!one || !alike(*one, newest)) continue;
    ++count;
    models.insert(one->model);
  }
  if (count < kAlike || (!newest.of_the_world && models.size() < kModels)) return;
  alarm_ = fmt::format("{} of the last {} attempts ended alike ({}: {})", count, last_.size(),
                       newest.cause, newest.text);
}

}  // namespace seqsweep
