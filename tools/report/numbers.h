// Numbers as the tables show them.
#pragma once

#include <cstdint>
#include <string>

namespace seqsweep {

std::string metric_text(double value);  // "0.0480"; "" for NaN.

// How many decimals show three significant digits of the value: 4 for 0.0117, 0 for 250.
int decimals_for(double value);
std::string decimal_text(double value, int decimals);  // "" for NaN.

// "×1.05": ours over the paper's figure ("0.224", "6041", "14M"); "" when one of them is
// none.
std::string ratio_text(double ours, const std::string& papers);

std::string short_count(int64_t count);  // Two or three digits, as in the paper: "290k", "1.8M"

}  // namespace seqsweep
