#include "core/train/division.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/check.h"

namespace seqsweep {
namespace {

constexpr double kNewest = 0.2;      // Weight of the newest speed, once there are some.
constexpr double kWorthIt = 0.05;    // Shares that changed less stay: the division would oscillate.
constexpr double kForgiving = 1.03;  // A step without work: it may have become faster.

}  // namespace

std::vector<int64_t> divide(int64_t parts, std::span<const double> speeds) {
  const double all = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  std::vector<int64_t> counts;
  for (const double speed : speeds) {
    SEQ_CHECK(speed > 0);
    counts.push_back(static_cast<int64_t>(static_cast<double>(parts) * (speed / all)));
  }
  // Nobody has more than its due yet, so what is left, less than a part a rank, goes by the rule.
  int64_t left = parts - std::accumulate(counts.begin(), counts.end(), int64_t{0});
  for (; left > 0; --left) {
    const auto done_s = [&](size_t r) { return static_cast<double>(counts[r] + 1) / speeds[r]; };
    size_t first = 0;
    for (size_t r = 1; r < speeds.size(); ++r) {
      if (done_s(r) < done_s(first)) first = r;
    }
    ++counts[first];
  }
  return counts;
}

Division::Division(int ranks)
    : ranks_(static_cast<size_t>(ranks)), speeds_(static_cast<size_t>(ranks), 1.0) {}

Share Division::share_of(int64_t microbatches, int rank) const {
  const std::vector<int64_t> counts = divide(microbatches, speeds_);
  const auto mine = counts.begin() + rank;
  const int64_t begin = std::accumulate(counts.begin(), mine, int64_t{0});
  return {begin, begin + *mine};
}

// Speeds are smoothed, not times: a hiccup counts as one slow step, however long it took. A rank
// that had nothing to do is believed to be a little faster each time, until it is tried again; one
// that was never tried begins as the fastest.
void Division::observe(std::span<const double> seconds) {
  SEQ_CHECK(seconds.size() == ranks_.size());
  if (std::none_of(seconds.begin(), seconds.end(), [](double s) { return s > 0; })) return;
  double fastest = 0;
  for (size_t r = 0; r < ranks_.size(); ++r) {
    Rank& rank = ranks_[r];
    ++rank.missed;
    if (seconds[r] > 0) {
      const double weight = std::max(kNewest, 1 / static_cast<double>(++rank.measured));
      rank.speed += weight * (1 / seconds[r] - rank.speed);
      rank.missed = 0;
    }
    fastest = std::max(fastest, rank.speed);
  }
  std::vector<double> believed;
  for (const Rank& rank : ranks_) {
    const double known = rank.measured > 0 ? rank.speed : fastest;
    believed.push_back(known * std::pow(kForgiving, rank.missed));
  }
  const double all = std::accumulate(believed.begin(), believed.end(), 0.0);
  const double used = std::accumulate(speeds_.begin(), speeds_.end(), 0.0);
  for (size_t r = 0; r < believed.size(); ++r) {
    const double change = (believed[r] / all) / (speeds_[r] / used) - 1;
    if (std::abs(change) < kWorthIt) continue;
    speeds_ = believed;
    return;
  }
}

}  // namespace seqsweep
