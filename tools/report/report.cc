#include "tools/report/report.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "core/base/error.h"
#include "db/queries.h"
#include "tools/report/datasets_table.h"
#include "tools/report/latex.h"
#include "tools/report/markdown.h"
#include "tools/report/results_table.h"
#include "tools/report/slug.h"

namespace seqsweep {
namespace {

struct Page {
  std::string name;  // Of its data set.
  Table table;
  std::string csv;
};

std::vector<Page> pages_of(Database& database, const Paper& paper) {
  const std::vector<ResultRow> runs = read_results(database);
  if (runs.empty()) {
    const std::string path = database.path().string();
    throw_input("{} holds no runs; 'seqsweep sweep FILE.yaml --db {}' puts some there", path, path);
  }
  std::vector<Page> pages;
  for (const DatasetResults& results : summarize(runs, paper)) {
    pages.push_back({results.file_part(), results_table(results), results_csv(results)});
  }
  const std::vector<DatasetRow> datasets = read_datasets(database);
  if (!datasets.empty()) {
    pages.push_back({"datasets", datasets_table(datasets, paper), datasets_csv(datasets, paper)});
  }
  return pages;
}

}  // namespace

std::vector<ReportFile> make_report(Database& database, const Paper& paper) {
  std::vector<ReportFile> files = {{"tables.md", ""}};
  std::vector<std::string> tex_files;
  std::set<std::string> slugs;
  for (Page& page : pages_of(database, paper)) {
    page.table.slug = make_slug(page.name, slugs);
    const std::string name = "table_" + page.table.slug;
    if (!files.front().text.empty()) files.front().text += "\n";
    files.front().text += markdown(page.table);
    files.push_back({name + ".csv", page.csv});
    files.push_back({name + ".tex", latex(page.table)});
    tex_files.push_back(files.back().name);
  }
  files.push_back({"tables.tex", latex_document(tex_files)});
  return files;
}

}  // namespace seqsweep
