#include "tools/report/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace seqsweep {

std::string metric_text(double value) {
  return decimal_text(value, 4);
}

int decimals_for(double value) {
  if (!std::isfinite(value) || value == 0) return 2;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(std::abs(value)))), 0, 8);
}

std::string decimal_text(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "";
}

std::string ratio_text(double ours, const std::string& papers) {
  const double theirs = papers.empty() ? 0 : std::strtod(papers.c_str(), nullptr);
  return std::isfinite(ours) && theirs > 0 ? fmt::format("×{:.2f}", ours / theirs) : "";
}

std::string short_count(int64_t count) {
  constexpr std::array<std::pair<double, char>, 3> kUnits = {{{1e9, 'B'}, {1e6, 'M'}, {1e3, 'k'}}};
  for (const auto& [unit, letter] : kUnits) {
    const double scaled = static_cast<double>(count) / unit;
    if (scaled < 0.9995) continue;  // 999,500 is written 1M, not 1000k.
    const double rounded = std::round(scaled * 10) / 10;
    return rounded < 10 && rounded != std::round(rounded) ? fmt::format("{:.1f}{}", rounded, letter)
                                                          : fmt::format("{:.0f}{}", scaled, letter);
  }
  return fmt::format("{}", count);
}

}  // namespace seqsweep
