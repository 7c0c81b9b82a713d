// Numbers as raw files write them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace seqsweep {

enum class TimeUnit { Seconds, Milliseconds };
constexpr std::array<std::pair<TimeUnit, const char*>, 2> enum_names(TimeUnit) {
  return {{{TimeUnit::Seconds, "s"}, {TimeUnit::Milliseconds, "ms"}}};
}

std::optional<float> parse_rating(std::string_view text);  // Finite.

// A time in the unit, whole ("881250949") or not ("8.81250949e8"), as microseconds; nothing when it
// is no number or beyond the years that microseconds in 64 bits hold.
std::optional<int64_t> parse_time_us(std::string_view text, TimeUnit unit);
std::optional<int64_t> time_us_of(int64_t time, TimeUnit unit);

}  // namespace seqsweep
