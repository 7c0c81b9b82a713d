#include "tools/report/paper.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tools/report/paper_csv.h"

namespace seqsweep {
namespace {

std::vector<std::vector<std::string>> csv_records(std::string_view csv, size_t fields) {
  std::vector<std::vector<std::string>> records;
  for (const std::string& line : split(trim(csv), '\n')) {
    records.push_back(split(line, ','));
    if (records.back().size() != fields) {
      throw_input("paper figures, line {}: needs {} fields, has {}", records.size(), fields,
                  records.back().size());
    }
  }
  records.erase(records.begin());  // The names of the columns.
  return records;
}

// Models that stand in no table of the paper, as their authors write them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kOtherLabels = {
    {{"lightfm", "LightFM"}, {"lrurec", "LRURec"}, {"popularity", "Popularity"}}};

}  // namespace

const PaperRow* Paper::find(std::string_view dataset, std::string_view model) const {
  const auto found = std::ranges::find_if(
      rows, [&](const PaperRow& row) { return row.dataset == dataset && row.model == model; });
  return found == rows.end() ? nullptr : &*found;
}

const PaperDataset* Paper::find_dataset(std::string_view dataset) const {
  const auto found = std::ranges::find(datasets, dataset, &PaperDataset::dataset);
  return found == datasets.end() ? nullptr : &*found;
}

std::string Paper::label(std::string_view model) const {
  const auto found = std::ranges::find(rows, model, &PaperRow::model);
  if (found != rows.end()) return found->label;
  for (const auto& [name, label] : kOtherLabels) {
    if (name == model) return std::string(label);
  }
  return std::string(model);
}

size_t Paper::rank(std::string_view dataset, std::string_view model) const {
  const PaperRow* row = find(dataset, model);
  if (!row) row = find(datasets.front().dataset, model);
  return row ? static_cast<size_t>(row - rows.data()) : rows.size();
}

Paper parse_paper(std::string_view values_csv, std::string_view datasets_csv) {
  Paper paper;
  for (const std::vector<std::string>& f : csv_records(values_csv, 9)) {
    paper.rows.push_back({f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]});
  }
  for (const std::vector<std::string>& f : csv_records(datasets_csv, 6)) {
    paper.datasets.push_back({f[0], std::stoi(f[1]), f[2], f[3], f[4], f[5]});
  }
  return paper;
}

const Paper& paper() {
  static const Paper kPaper = parse_paper(kPaperValuesCsv, kPaperDatasetsCsv);
  return kPaper;
}

}  // namespace seqsweep
