// Small text functions: suggestions for misspelt names, harmless output, human units.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

// The candidate with the smallest edit distance, or "" when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'x'?" (printable: it may be a title) or "", for the end of an error about an
// unknown word.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// The text with control characters (terminal escapes, newlines) and invalid UTF-8 made visible.
std::string printable(std::string_view text);

std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

std::string human_duration(double seconds);  // "850 ms", "12 s", "3 min 20 s", "2 h 05 min"
std::string human_bytes(uint64_t bytes);     // "1.5 GB" (powers of 1000)
std::string human_count(int64_t count);      // "1,349"

}  // namespace seqsweep
