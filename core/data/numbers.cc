#include "core/data/numbers.h"

#include <charconv>
#include <cmath>

namespace seqsweep {
namespace {

template <typename T>
std::optional<T> parse(std::string_view text) {
  T number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

int64_t microseconds_in(TimeUnit unit) {
  return unit == TimeUnit::Seconds ? 1'000'000 : 1'000;
}

}  // namespace

std::optional<float> parse_rating(std::string_view text) {
  // The usual "5" and "4.0" without the general parser.
  if (!text.empty() && text[0] >= '0' && text[0] <= '9' &&
      (text.size() == 1 || (text.size() == 3 && text[1] == '.' && text[2] == '0'))) {
    return static_cast<float>(text[0] - '0');
  }
  const auto number = parse<float>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<int64_t> time_us_of(int64_t time, TimeUnit unit) {
  int64_t us = 0;
  if (__builtin_mul_overflow(time, microseconds_in(unit), &us)) return std::nullopt;
  return us;
}

std::optional<int64_t> parse_time_us(std::string_view text, TimeUnit unit) {
  // The usual run of digits, too short to overflow 64 bits.
  constexpr size_t kFew = 18;
  if (!text.empty() && text.size() <= kFew) {
    int64_t number = 0;
    size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      number = 10 * number + (text[digits] - '0');
    }
    if (digits == text.size()) return time_us_of(number, unit);
  }
  if (const auto whole = parse<int64_t>(text)) return time_us_of(*whole, unit);
  const auto number = parse<double>(text);
  constexpr double kLimit = 9.2e18;
  if (!number) return std::nullopt;
  const double us = std::round(*number * static_cast<double>(microseconds_in(unit)));
  if (!(std::abs(us) < kLimit)) return std::nullopt;
  return static_cast<int64_t>(us);
}

}  // namespace seqsweep
