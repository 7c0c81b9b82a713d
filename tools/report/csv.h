// CSV (RFC 4180 with '\n') that a spreadsheet reads as data and never as formulas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

// A text field: quoted where needed; one that a spreadsheet would compute gets a leading '.
std::string csv_text(std::string_view text);
// A number in full precision; "" for one that is not finite.
std::string csv_number(double value);

// Lines of ready fields.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace seqsweep
