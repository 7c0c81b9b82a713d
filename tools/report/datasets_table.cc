#include "tools/report/datasets_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "core/base/config.h"
#include "core/base/text.h"
#include "tools/report/csv.h"
#include "tools/report/labels.h"
#include "tools/report/numbers.h"

namespace seqsweep {
namespace {

constexpr int kPaperTable = 4;

struct DatasetLine {
  DatasetRow row;
  std::string settings;  // What tells it from other data sets of the name, or "".
  const PaperDataset* paper = nullptr;

  double mean_length() const {
    return static_cast<double>(row.interactions) / static_cast<double>(row.users);
  }
  double density() const { return mean_length() / static_cast<double>(row.items); }
};

std::vector<DatasetLine> lines_of(const std::vector<DatasetRow>& rows, const Paper& paper) {
  std::map<std::string, std::vector<DatasetRow>> by_name;
  for (const DatasetRow& row : rows) by_name[row.name].push_back(row);
  std::vector<DatasetLine> lines;
  for (auto& [name, same_name] : by_name) {
    std::ranges::sort(same_name, {}, &DatasetRow::config);
    std::vector<Json> configs;
    for (const DatasetRow& row : same_name) configs.push_back(Json::parse(row.config));
    const std::vector<std::string> settings = differences(configs);
    for (size_t i = 0; i < same_name.size(); ++i) {
      lines.push_back({same_name[i], settings[i], paper.find_dataset(name)});
    }
  }
  std::ranges::stable_sort(lines, {}, [](const DatasetLine& line) {
    return line.paper ? line.paper->table : std::numeric_limits<int>::max();
  });
  return lines;
}

}  // namespace

Table datasets_table(const std::vector<DatasetRow>& datasets, const Paper& paper) {
  const std::vector<DatasetLine> lines = lines_of(datasets, paper);
  const bool beside =
      std::ranges::any_of(lines, [](const DatasetLine& line) { return line.paper != nullptr; });
  Table table{.title = "Datasets",
              .paper_table = beside ? kPaperTable : 0,
              .columns = {{"Dataset", false}}};
  for (const char* name : {"Users", "Items", "Interactions"}) {
    table.columns.push_back({name});
    if (beside) table.columns.push_back({"Paper"});
  }
  table.columns.push_back({"Mean length"});
  table.columns.push_back({"Density (%)"});
  for (const DatasetLine& line : lines) {
    const PaperDataset in_paper = line.paper ? *line.paper : PaperDataset{};
    const std::string name = line.paper ? line.paper->title : line.row.name;
    std::vector<Cell> cells = {{line.settings.empty() ? name : name + " (" + line.settings + ")"}};
    const auto add = [&](int64_t ours, const std::string& theirs) {
      cells.push_back({human_count(ours)});
      if (!beside) return;
      cells.push_back({theirs.empty() ? "" : human_count(std::stoll(theirs)),
                       ratio_text(static_cast<double>(ours), theirs)});
    };
    add(line.row.users, in_paper.users);
    add(line.row.items, in_paper.items);
    add(line.row.interactions, in_paper.interactions);
    cells.push_back({decimal_text(line.mean_length(), 2)});
    cells.push_back({decimal_text(100 * line.density(), decimals_for(100 * line.density()))});
    table.rows.push_back(std::move(cells));
  }
  table.notes = {
      "Density: interactions in % of users × items. An item that a user takes again counts again, "
      "as the paper counts all reviews, so that it can be above 100 %."};
  return table;
}

std::string datasets_csv(const std::vector<DatasetRow>& datasets, const Paper& paper) {
  std::string out =
      "dataset,settings,users,users_paper,items,items_paper,interactions,interactions_paper,"
      "mean_length,density\n";
  for (const DatasetLine& line : lines_of(datasets, paper)) {
    const PaperDataset in_paper = line.paper ? *line.paper : PaperDataset{};
    out += csv_line({csv_text(line.row.name), csv_text(line.settings),
                     fmt::format("{}", line.row.users), in_paper.users,
                     fmt::format("{}", line.row.items), in_paper.items,
                     fmt::format("{}", line.row.interactions), in_paper.interactions,
                     csv_number(line.mean_length()), csv_number(line.density())});
  }
  return out;
}

}  // namespace seqsweep
