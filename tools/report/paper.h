// What the paper prints: Tables 1-3 (paper_values.csv) and Table 4 (paper_datasets.csv), built into
// the program. Figures stay texts: they are shown as the paper shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

struct PaperRow {  // A row of Tables 1-3; "" where the paper has no figure.
  std::string dataset, model;
  std::string label;  // The model as the paper writes it.
  std::string hit_10, ndcg_10, mrr_10;
  std::string latency;  // The paper gives no unit.
  std::string params, params_no_embedding;
};

struct PaperDataset {  // A row of Table 4.
  std::string dataset;
  int table = 0;  // Where its results stand: 1, 2 or 3.
  std::string title;
  std::string users, items, interactions;
};

struct Paper {
  std::vector<PaperRow> rows;  // In the paper's order.
  std::vector<PaperDataset> datasets;

  const PaperRow* find(std::string_view dataset, std::string_view model) const;
  const PaperDataset* find_dataset(std::string_view dataset) const;
  // The model as the paper writes it, or its authors; the name itself when neither is known.
  std::string label(std::string_view model) const;
  // The model's row number in the data set's table (in the first table, for a data set that the
  // paper lacks); models unknown there come last, all equal.
  size_t rank(std::string_view dataset, std::string_view model) const;
};

// The texts are CSV without quotes, the first line names the columns. Throws Error (Fault::Input)
// with the line that has another number of fields.
Paper parse_paper(std::string_view values_csv, std::string_view datasets_csv);

const Paper& paper();

}  // namespace seqsweep
