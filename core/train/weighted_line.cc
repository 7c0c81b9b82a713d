#include "core/train/weighted_line.h"

namespace seqsweep {
namespace {

constexpr double kVarianceMin = 1e-6;  // Of x, relative to the square of its mean.

}  // namespace

// Welford's update with forgetting: the distances are taken from the mean before and after.
void WeightedLine::add(double x, double y) {
  sums_.weight = keep_ * sums_.weight + 1;
  const double from_old_mean = x - sums_.mean_x;
  sums_.mean_x += from_old_mean / sums_.weight;
  sums_.mean_y += (y - sums_.mean_y) / sums_.weight;
  sums_.xx = keep_ * sums_.xx + from_old_mean * (x - sums_.mean_x);
  sums_.xy = keep_ * sums_.xy + from_old_mean * (y - sums_.mean_y);
}

std::optional<WeightedLine::Fit> WeightedLine::fit() const {
  const double least = kVarianceMin * sums_.mean_x * sums_.mean_x * sums_.weight;
  if (!(sums_.xx > least)) return std::nullopt;
  const double slope = sums_.xy / sums_.xx;
  return Fit{sums_.mean_y - slope * sums_.mean_x, slope};
}

Json WeightedLine::state() const {
  return {sums_.weight, sums_.mean_x, sums_.mean_y, sums_.xx, sums_.xy};
}

void WeightedLine::restore(const Json& state) {
  sums_ = {state[0], state[1], state[2], state[3], state[4]};
}

}  // namespace seqsweep
