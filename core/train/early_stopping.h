// Which validation was the best, and when to wait no longer for a better one.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/config.h"

namespace seqsweep {

class EarlyStopping {
 public:
  explicit EarlyStopping(int64_t patience) : patience_(patience) {}

  // True when the score is better than all before.
  bool observe(int64_t epoch, double score) {
    ++since_best_;
    if (best_score_ && !(score > *best_score_)) return false;
    best_score_ = score;
    best_epoch_ = epoch;
    since_best_ = 0;
    return true;
  }
  bool exhausted() const { return patience_ > 0 && since_best_ >= patience_; }
  bool began() const { return best_score_.has_value(); }
  int64_t best_epoch() const { return best_epoch_; }

  Json state() const {
    return {{"best_score", to_json(best_score_)},
            {"best_epoch", best_epoch_},
            {"since_best", since_best_}};
  }
  void restore(const Json& state) {
    const Json& score = state.at("best_score");
    best_score_ = score.is_null() ? std::nullopt : std::optional(score.get<double>());
    best_epoch_ = state.at("best_epoch");
    since_best_ = state.at("since_best");
  }

 private:
  int64_t patience_;  // Evaluations; 0: waits for ever.
  std::optional<double> best_score_;
  int64_t best_epoch_ = 0, since_best_ = 0;
};

}  // namespace seqsweep
