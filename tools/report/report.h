// Everything that make_tables writes, as texts: the same database gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "db/database.h"
#include "tools/report/paper.h"

namespace seqsweep {

struct ReportFile {
  std::string name;  // "table_ml-1m.tex"
  std::string text;
};

// tables.md with all tables comes first; then a .tex and a .csv for each, and tables.tex, a
// document that shows them all. Works on a sweep that is not done. Throws Error (Fault::Input) when
// the database has no runs.
std::vector<ReportFile> make_report(Database& database, const Paper& paper);

}  // namespace seqsweep
