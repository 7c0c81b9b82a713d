// What a search looks for: the terms of a text are its maximal runs of letters, marks and numbers
// (Unicode L, M, N) in small letters. Everything else, malformed UTF-8 too, only separates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

// In order of the text; repeated terms are repeated.
std::vector<std::string> terms_of(std::string_view text);

}  // namespace seqsweep
