#include "tools/report/report.h"

#include <fmt/format.h>

#include <cctype>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "db/queries.h"
#include "tools/report/datasets_table.h"
#include "tools/report/latex.h"
#include "tools/report/markdown.h"
#include "tools/report/results_table.h"

namespace seqsweep {
namespace {

constexpr size_t kSlugCharacters = 100;

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
    const std::string settings = results.settings.empty() ? "" : "-" + results.settings;
    pages.push_back({results.dataset + settings, results_table(results), results_csv(results)});
  }
  const std::vector<DatasetRow> datasets = read_datasets(database);
  if (!datasets.empty()) {
    pages.push_back({"datasets", datasets_table(datasets, paper), datasets_csv(datasets, paper)});
  }
  return pages;
}

// The name as part of a file name, whatever it holds, and unlike those before.
std::string make_slug(const std::string& name, std::set<std::string>& taken) {
  std::string slug = name.substr(0, kSlugCharacters);
  for (char& c : slug) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  const std::string stem = slug;
  for (int serial = 2; !taken.insert(slug).second; ++serial) {
    slug = fmt::format("{}-{}", stem, serial);
  }
  return slug;
}

}  // namespace

std::vector<ReportFile> make_report(Database& database, const Paper& paper) {
  std::vector<ReportFile> files = {{"tables.md", ""}};
  std::vector<std::string> tex_files;
  std::set<std::string> slugs;
  for (Page& page : pages_of(database, paper)) {
    page.table.slug = make_slug(page.name, slugs);
    const std::string name = "table_" + page.table.slug;
    files.front().text += (files.front().text.empty() ? "" : "\n") + markdown(page.table);
    files.push_back({name + ".csv", page.csv});
    files.push_back({name + ".tex", latex(page.table)});
    tex_files.push_back(files.back().name);
  }
  files.push_back({"tables.tex", latex_document(tex_files)});
  return files;
}

}  // namespace seqsweep
