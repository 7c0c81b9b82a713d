// What this room asks of Unicode: classes of characters, small letters, composed forms (utf8proc).
#pragma once

#include <string>
#include <string_view>

namespace seqsweep {

bool is_space(char32_t c);   // White_Space.
bool is_letter(char32_t c);  // L: letters; M: the marks that letters carry.
bool is_number(char32_t c);  // N.

// One code point for one: \u0130 (a capital I with a dot) becomes i, not i with a mark.
char32_t small_letter(char32_t c);

// Normalisation form C of a well-formed text.
std::string composed(std::string_view text);

}  // namespace seqsweep
