// The report as one HTML page that asks for nothing outside it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/figure.h"
#include "tools/report/table.h"

namespace seqsweep {

// The text as HTML shows it, also between quotes.
std::string html_escape(std::string_view text);

std::string html(const Table& table);

struct HtmlFigure {
  Figure figure;
  std::string svg;  // As gnuplot draws it; "": it was not drawn.
};

// Tables, figures and what is missing; light or dark as the reader's system is. `missing`: a
// sentence each.
std::string html_report(const std::string& title, const std::vector<Table>& tables,
                        const std::vector<HtmlFigure>& figures,
                        const std::vector<std::string>& missing);

}  // namespace seqsweep
