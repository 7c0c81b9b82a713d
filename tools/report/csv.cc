#include "tools/report/csv.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text.h"

namespace seqsweep {

std::string csv_text(std::string_view text) {
  std::string shown = printable(text);
  if (!shown.empty() && std::string_view("=+-@").find(shown.front()) != std::string_view::npos) {
    shown.insert(shown.begin(), '\'');
  }
  if (shown.find_first_of(",\"") == std::string::npos) return shown;
  std::string out = "\"";
  for (const char c : shown) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

std::string csv_line(const std::vector<std::string>& fields) {
  return join(fields, ",") + "\n";
}

}  // namespace seqsweep
