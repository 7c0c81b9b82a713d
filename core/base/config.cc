#include "core/base/config.h"

#include <charconv>

#include "core/base/files.h"
#include "core/base/text.h"

namespace seqsweep {

bool Rule::allows(double x) const {
  if (std::isnan(x)) return false;
  const bool low = above_minimum ? x > minimum : x >= minimum;
  const bool high = below_maximum ? x < maximum : x <= maximum;
  return low && high;
}

std::string Rule::text() const {
  const bool low = std::isfinite(minimum), high = std::isfinite(maximum);
  if (!low && !high) return "";
  if (!high) return fmt::format("{} {}", above_minimum ? "above" : "at least", minimum);
  if (!low) return fmt::format("{} {}", below_maximum ? "below" : "at most", maximum);
  return fmt::format("from {} to {}{}", minimum, below_maximum ? "below " : "", maximum);
}

Rule at_least(double minimum) {
  return {.minimum = minimum};
}
Rule above(double minimum) {
  return {.minimum = minimum, .above_minimum = true};
}
Rule between(double minimum, double maximum) {
  return {.minimum = minimum, .maximum = maximum};
}
Rule between_below(double minimum, double maximum) {
  return {.minimum = minimum, .maximum = maximum, .below_maximum = true};
}

namespace config_detail {
namespace {

std::string where(const Value& value, const std::string& path) {
  const std::string at = value.position().text();
  if (at.empty()) return path.empty() ? "configuration" : path;
  return path.empty() ? at : at + ": " + path;
}

std::string shown(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Null:
      return "nothing";
    case Value::Kind::Scalar:
      return fmt::format("'{}'", printable(value.text()));
    case Value::Kind::List:
      return "a list";
    case Value::Kind::Map:
      return "a map";
  }
  return "";
}

template <typename T>
T read_number(const Value& value, const std::string& path, std::string_view expected) {
  if (!value.is_scalar() || value.quoted()) throw_wrong_type(value, path, expected);
  std::string_view text = value.text();
  if (text.starts_with('+')) text.remove_prefix(1);
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw_wrong_type(value, path, expected);
  }
  return number;
}

}  // namespace

void throw_wrong_type(const Value& value, const std::string& path, std::string_view expected) {
  throw_input("{}: expected {}, got {}", where(value, path), expected, shown(value));
}

void throw_not_allowed(const Value& value, const std::string& path, const Rule& rule) {
  throw_input("{}: must be {}, got {}", where(value, path), rule.text(), shown(value));
}

void throw_unknown_choice(const Value& value, const std::string& path,
                          const std::vector<std::string>& choices) {
  throw_input("{}: unknown choice {}{} (valid: {})", where(value, path), shown(value),
              did_you_mean(value.text(), choices), join(choices, ", "));
}

bool read_bool(const Value& value, const std::string& path) {
  if (value.is_scalar() && !value.quoted()) {
    if (value.text() == "true") return true;
    if (value.text() == "false") return false;
  }
  throw_wrong_type(value, path, "true or false");
}

int64_t read_int(const Value& value, const std::string& path) {
  return read_number<int64_t>(value, path, "an integer");
}

double read_double(const Value& value, const std::string& path) {
  const auto number = read_number<double>(value, path, "a number");
  if (!std::isfinite(number)) throw_wrong_type(value, path, "a finite number");
  return number;
}

std::string read_string(const Value& value, const std::string& path) {
  if (!value.is_scalar()) throw_wrong_type(value, path, "text");
  return value.text();
}

void require_known_keys(const Value& value, const std::string& path,
                        const std::vector<std::string>& known) {
  for (const auto& [key, unused] : value.entries()) {
    if (std::find(known.begin(), known.end(), key.text()) != known.end()) continue;
    throw_input("{}: unknown key '{}'{} (valid keys: {})", where(key, path), printable(key.text()),
                did_you_mean(key.text(), known), join(known, ", "));
  }
}

}  // namespace config_detail

std::string config_hash(const Json& config) {
  return sha256_hex(config.dump()).substr(0, 16);
}

}  // namespace seqsweep
