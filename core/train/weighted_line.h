// The line y = intercept + slope x by weighted least squares, an observation at a time: the latest
// one weighs 1, each one before it `keep` times the next (equation 2.2 of the paper with keep = 1 -
// alpha). Five numbers whatever their count; centred, so that equal x lose no digits.
#pragma once

#include <optional>

#include "core/base/config.h"

namespace seqsweep {

class WeightedLine {
 public:
  struct Fit {
    double intercept = 0, slope = 0;
  };

  explicit WeightedLine(double keep) : keep_(keep) {}

  void add(double x, double y);  // Both finite.
  // Nothing as long as the x are all but equal: their weighted variance is below 1e-6 of the square
  // of their mean.
  std::optional<Fit> fit() const;
  void clear() { sums_ = {}; }

  Json state() const;
  void restore(const Json& state);

 private:
  struct Sums {
    double weight = 0, mean_x = 0, mean_y = 0;
    double xx = 0, xy = 0;  // Weighted, of the distances from the means.
  };
  double keep_;
  Sums sums_;
};

}  // namespace seqsweep
