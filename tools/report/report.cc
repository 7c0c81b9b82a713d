#include "tools/report/report.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "core/base/error.h"
#include "db/queries.h"
#include "tools/report/against_best.h"
#include "tools/report/datasets_table.h"
#include "tools/report/latex.h"
#include "tools/report/markdown.h"
#include "tools/report/results_table.h"
#include "tools/report/slug.h"
#include "tools/report/statistics_table.h"

namespace seqsweep {
namespace {

struct Page {
  std::string shown_in;   // "tables.md"
  std::string kind;       // "table", before the slug in names of files.
  std::string file_part;  // Becomes the slug.
  Table table;
  std::string csv;
};

std::vector<Page> pages_of(const ReportData& data, const Paper& paper,
                           const std::optional<AblationChoice>& choice) {
  std::vector<Page> pages;
  for (const DatasetResults& one : data.results) {
    pages.push_back({"tables.md", "table", one.file_part(), results_table(one), results_csv(one)});
  }
  if (!data.datasets.empty()) {
    pages.push_back({"tables.md", "table", "datasets", datasets_table(data.datasets, paper),
                     datasets_csv(data.datasets, paper)});
  }
  for (const DatasetResults& one : data.results) {
    Table table = statistics_table(one);
    if (table.rows.empty()) continue;
    pages.push_back(
        {"statistics.md", "statistics", one.file_part(), std::move(table), statistics_csv(one)});
  }
  if (!choice) return pages;
  for (Ablation& made : ablations(data.results, *choice)) {
    pages.push_back({"ablations.md", "ablation", made.file_part, std::move(made.table), made.csv});
  }
  return pages;
}

}  // namespace

ReportData read_report_data(Database& database, const Paper& paper) {
  const std::vector<ResultRow> runs = read_results(database);
  const std::string path = database.path().string();
  if (runs.empty()) {
    throw_input("{} holds no runs; 'seqsweep sweep FILE.yaml --db {}' puts some there", path, path);
  }
  ReportData data{.name = database.path().filename().string(),
                  .results = summarize(runs, paper),
                  .datasets = read_datasets(database)};
  for (DatasetResults& results : data.results) compare_with_best(database, results);
  return data;
}

Report make_report(const ReportData& data, const Paper& paper,
                   const std::optional<AblationChoice>& ablation) {
  Report report;
  std::vector<std::string> tex_files;
  std::vector<ReportFile> shown;
  std::map<std::string, std::set<std::string>> slugs;
  for (Page& page : pages_of(data, paper, ablation)) {
    const std::string slug = make_slug(page.file_part, slugs[page.kind]);
    page.table.slug = page.kind == "table" ? slug : page.kind + "_" + slug;
    const std::string name = page.kind + "_" + slug;
    if (shown.empty() || shown.back().name != page.shown_in) shown.push_back({page.shown_in, ""});
    std::string& text = shown.back().text;
    if (!text.empty()) text += '\n';
    text += markdown(page.table);
    report.files.push_back({name + ".csv", page.csv});
    report.files.push_back({name + ".tex", latex(page.table)});
    tex_files.push_back(report.files.back().name);
    report.tables.push_back(std::move(page.table));
  }
  report.files.insert(report.files.begin(), shown.begin(), shown.end());
  report.files.push_back({"tables.tex", latex_document(tex_files)});
  return report;
}

}  // namespace seqsweep
