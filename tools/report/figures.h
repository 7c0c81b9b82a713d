// Every figure that make_tables draws: the same database gives the same figures.
#pragma once

#include <string>
#include <vector>

#include "db/database.h"
#include "tools/report/figure.h"
#include "tools/report/paper.h"
#include "tools/report/results.h"

namespace seqsweep {

struct Figures {
  std::vector<Figure> drawn;
  std::vector<std::string> missing;  // What cannot be drawn yet and why, a sentence each.
};

// Works on a sweep that is not done: it draws what there is.
Figures make_figures(Database& database, const std::vector<DatasetResults>& results,
                     const Paper& paper);

// A page that shows the SVGs with their notes, and says what is missing.
std::string figures_markdown(const Figures& figures);

}  // namespace seqsweep
