// Mean and spread of one figure over the runs that have it.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace seqsweep {

struct Statistic {
  int64_t n = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();  // NaN when n is 0.
  double sd = std::numeric_limits<double>::quiet_NaN();    // Of the sample (n - 1); NaN when n < 2.
  double low = std::numeric_limits<double>::quiet_NaN();   // The smallest and the largest; NaN when
  double high = std::numeric_limits<double>::quiet_NaN();  // n is 0.
};

// Values that are not finite count as missing.
Statistic statistic(const std::vector<double>& values);

}  // namespace seqsweep
