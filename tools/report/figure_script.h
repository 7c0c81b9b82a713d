// Figures as gnuplot scripts that need no other file.
#pragma once

#include <string>
#include <string_view>

#include "tools/report/figure.h"

namespace seqsweep {

// The text as a gnuplot literal, on one line, harmless there and in XML; a straight quote in it
// becomes a typographic one. At most `characters`, the last of them an ellipsis when it was longer.
std::string gnuplot_text(std::string_view text, size_t characters = 120);

// Draws SLUG.svg and SLUG.pdf in the present folder. No times and no paths in it.
std::string figure_script(const Figure& figure);

}  // namespace seqsweep
