// The best few of many scored items, found in one pass. Whoever ranks does it through here, so that
// ties and NaN mean the same everywhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace seqsweep {

struct ScoredItem {
  int32_t item = 0;
  float score = 0;
};

[[noreturn]] inline void throw_nan_score() {
  throw Error(Fault::Run,
              "ranking: the model scored an item NaN; its parameters are no longer finite", "nan");
}

// Items are offered in the order of their ids: one goes in behind all that score as much, so among
// equal scores the lower id comes first.
class BestList {
 public:
  explicit BestList(int64_t count) : count_(static_cast<size_t>(count)) {
    items_.reserve(count_ + 1);
  }

  // Whether an item of this score would go in; also true of a NaN, which offer() refuses.
  bool admits(float score) const { return !(score <= worst_); }

  // Throws Error (Fault::Run) on a NaN.
  void offer(int32_t item, float score) {
    if (!admits(score)) return;
    if (std::isnan(score)) throw_nan_score();
    const auto place =
        std::upper_bound(items_.begin(), items_.end(), score,
                         [](float mine, const ScoredItem& other) { return mine > other.score; });
    items_.insert(place, {item, score});
    if (items_.size() > count_) items_.pop_back();
    if (items_.size() == count_) worst_ = items_.back().score;
  }

  const std::vector<ScoredItem>& items() const { return items_; }  // Best first.
  std::vector<ScoredItem> take() { return std::move(items_); }

 private:
  size_t count_;                                           // At least 1.
  float worst_ = std::numeric_limits<float>::quiet_NaN();  // Of a full list; NaN admits everything.
  std::vector<ScoredItem> items_;
};

}  // namespace seqsweep
