#include "tools/report/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace seqsweep {
namespace {

constexpr std::array<std::pair<double, char>, 3> kUnits = {{{1e9, 'B'}, {1e6, 'M'}, {1e3, 'k'}}};

}  // namespace

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
  char* end = nullptr;
  double theirs = std::strtod(papers.c_str(), &end);
  for (const auto& [unit, letter] : kUnits) {
    if (*end == letter) theirs *= unit;
  }
  const double ratio = ours / theirs;
  const int decimals = std::max(2, decimals_for(ratio) - 1);
  return std::isfinite(ours) && theirs > 0 ? "×" + decimal_text(ratio, decimals) : "";
}

std::string short_count(int64_t count) {
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
