// Everything that make_tables writes, as texts: the same database gives the same bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/database.h"
#include "tools/report/ablation.h"
#include "tools/report/paper.h"
#include "tools/report/results.h"

namespace seqsweep {

// What tables and figures are made from, read once.
struct ReportData {
  std::string name;                     // Of the database's file.
  std::vector<DatasetResults> results;  // With their tests of significance.
  std::vector<DatasetRow> datasets;
};

// Throws Error (Fault::Input) when the database has no runs.
ReportData read_report_data(Database& database, const Paper& paper);

struct ReportFile {
  std::string name;  // "table_ml-1m.tex"
  std::string text;
};

struct Report {
  std::vector<Table> tables;      // In the order of the pages.
  std::vector<ReportFile> files;  // tables.md with the results and data sets comes first.
};

// A .tex and a .csv for each table; tables.md, statistics.md and ablations.md show them, tables.tex
// is a document of them all. Works on a sweep that is not done.
Report make_report(const ReportData& data, const Paper& paper,
                   const std::optional<AblationChoice>& ablation = std::nullopt);

}  // namespace seqsweep
