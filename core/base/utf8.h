// UTF-8, checked: what is well-formed, and what stands for what is not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace seqsweep {

struct Utf8Prefix {
  size_t bytes = 0;    // Of the character; if there is none, of the malformed stretch: at least 1.
  bool valid = false;  // Whether it is a character (no overlong form, no surrogate).
};

// What a text, not an empty one, begins with. A malformed stretch is the longest prefix of a
// character (Unicode 15, section 3.9, "maximal subpart"), else one byte.
Utf8Prefix utf8_prefix(std::string_view text);

// The text with each malformed stretch replaced by U+FFFD: what Python's decode("utf-8",
// "replace"), Rust's from_utf8_lossy and web browsers make of it.
std::string valid_utf8(std::string_view text);

// The code point at `at` of a well-formed text; `at` moves on to the next.
char32_t next_code_point(std::string_view text, size_t& at);

void append_utf8(std::string& text, char32_t code_point);

}  // namespace seqsweep
