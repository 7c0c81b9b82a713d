// Long curves for the eye: few points, and every spike.
#pragma once

#include <cstddef>
#include <vector>

namespace seqsweep {

struct CurveXy {
  double x = 0, y = 0;
  bool operator==(const CurveXy&) const = default;
};

// Points with finite y, in their order; of more than `points_max` (at least 4) the first, the last
// and the lowest and highest of each of as many equal stretches as fit.
std::vector<CurveXy> downsample(const std::vector<CurveXy>& curve, size_t points_max);

}  // namespace seqsweep
