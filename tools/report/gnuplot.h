// Runs gnuplot, which make_tables needs for figures only.
#pragma once

#include <string>

namespace seqsweep {

bool gnuplot_installed();

struct Drawing {
  std::string svg, pdf;
};

// What a figure_script() draws. The same script gives the same bytes with the same gnuplot. Throws
// Error (Fault::World) with what gnuplot says when it fails.
Drawing draw(const std::string& slug, const std::string& script);

}  // namespace seqsweep
