// Runs gnuplot, which make_tables needs for figures only.
#pragma once

#include <string>
#include <vector>

namespace seqsweep {

bool gnuplot_installed();

struct FigureScript {
  std::string slug, text;  // The text draws SLUG.svg and SLUG.pdf.
};

struct Drawing {
  std::string svg, pdf;
};

// What each figure_script() draws, on all cores. The same script gives the same bytes with the same
// gnuplot. Throws Error (Fault::World) with what gnuplot says when it fails.
std::vector<Drawing> draw(const std::vector<FigureScript>& scripts);

}  // namespace seqsweep
