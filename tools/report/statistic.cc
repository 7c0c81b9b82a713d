#include "tools/report/statistic.h"

#include <cmath>

namespace seqsweep {

Statistic statistic(const std::vector<double>& values) {
  Statistic result;
  double mean = 0, squares = 0;  // Welford: exact for equal values.
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    const double delta = value - mean;
    mean += delta / static_cast<double>(++result.n);
    squares += delta * (value - mean);
    result.low = std::fmin(result.low, value);  // fmin and fmax pass over NaN.
    result.high = std::fmax(result.high, value);
  }
  if (result.n > 0) result.mean = mean;
  if (result.n > 1) result.sd = std::sqrt(squares / static_cast<double>(result.n - 1));
  return result;
}

}  // namespace seqsweep
