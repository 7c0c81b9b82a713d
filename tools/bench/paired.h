// Seconds of a work, and the middle of several.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/clock.h"

namespace seqsweep {

inline double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<int64_t>(values.size() / 2));
  return values[values.size() / 2];
}

inline double seconds(const std::function<void()>& work) {
  const double start = monotonic_s();
  work();
  return monotonic_s() - start;
}

}  // namespace seqsweep
