#include "tools/dashboard/downsample.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"

namespace seqsweep {

std::vector<CurveXy> downsample(const std::vector<CurveXy>& curve, size_t points_max) {
  SEQ_CHECK(points_max >= 4);
  std::vector<CurveXy> finite;
  std::ranges::copy_if(curve, std::back_inserter(finite), [](const CurveXy& point) {
    return std::isfinite(point.x) && std::isfinite(point.y);
  });
  if (finite.size() <= points_max) return finite;
  std::vector<CurveXy> kept = {finite.front()};
  const size_t inner = finite.size() - 2, stretches = (points_max - 2) / 2;
  for (size_t i = 0; i < stretches; ++i) {
    const auto begin = finite.begin() + 1 + static_cast<long>(inner * i / stretches);
    const auto end = finite.begin() + 1 + static_cast<long>(inner * (i + 1) / stretches);
    if (begin == end) continue;
    auto [low, high] =
        std::minmax_element(begin, end, [](const auto& a, const auto& b) { return a.y < b.y; });
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (high != low) kept.push_back(*high);
  }
  kept.push_back(finite.back());
  return kept;
}

}  // namespace seqsweep
