#include "tools/report/results_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/text.h"
#include "tools/report/against_best.h"
#include "tools/report/csv.h"
#include "tools/report/missing_runs.h"
#include "tools/report/numbers.h"

namespace seqsweep {
namespace {

Cell metric_cell(const Statistic& statistic) {
  Cell cell{.text = metric_text(statistic.mean)};
  if (statistic.n > 1) cell.spread = "± " + metric_text(statistic.sd);
  return cell;
}

Cell latency_cell(const ModelResults& row) {
  const int decimals = decimals_for(row.latency_ms.mean);
  Cell cell{.text = decimal_text(row.latency_ms.mean, decimals)};
  if (std::isfinite(row.latency_low_ms) && std::isfinite(row.latency_high_ms)) {
    cell.spread = fmt::format("[{}, {}]", decimal_text(row.latency_low_ms, decimals),
                              decimal_text(row.latency_high_ms, decimals));
  }
  return cell;
}

Cell tokens_cell(const ModelResults& row) {
  const int decimals = decimals_for(row.tokens_per_s.mean);
  Cell cell{.text = decimal_text(row.tokens_per_s.mean, decimals)};
  if (row.tokens_per_s.n > 1) cell.spread = "± " + decimal_text(row.tokens_per_s.sd, decimals);
  return cell;
}

// Only language models have any.
bool any_tokens(const DatasetResults& results) {
  return std::ranges::any_of(results.models,
                             [](const ModelResults& row) { return row.tokens_per_s.n > 0; });
}

std::string params_text(const std::string& all, const std::string& without_embedding) {
  return without_embedding.empty() ? all : fmt::format("{} ({})", all, without_embedding);
}

Cell params_cell(const ModelResults& row) {
  if (row.params == 0) return {};
  return {params_text(short_count(row.params), short_count(row.params_no_embedding))};
}

Cell count_cell(const ModelResults& row) {
  const auto runs = static_cast<int64_t>(row.runs.size());
  return {row.done == runs ? fmt::format("{}", runs) : fmt::format("{}/{}", row.done, runs)};
}

// A column of figures of which one is best.
struct Measure {
  const char* name;
  Cell (*cell)(const ModelResults&);
  double (*value)(const ModelResults&);  // NaN: takes no part.
  bool lower_is_better;
  std::string PaperRow::*paper;
  bool comparable;  // With the paper's.
};
const Measure kMeasures[] = {
    // Those that are tested come first, in the order of TestedMetric.
    {"HT@10", [](const ModelResults& row) { return metric_cell(row.hit_10); },
     [](const ModelResults& row) { return row.hit_10.mean; }, false, &PaperRow::hit_10, true},
    {"NDCG@10", [](const ModelResults& row) { return metric_cell(row.ndcg_10); },
     [](const ModelResults& row) { return row.ndcg_10.mean; }, false, &PaperRow::ndcg_10, true},
    {"MRR@10", [](const ModelResults& row) { return metric_cell(row.mrr_10); },
     [](const ModelResults& row) { return row.mrr_10.mean; }, false, &PaperRow::mrr_10, true},
    {"Latency (ms)", latency_cell, [](const ModelResults& row) { return row.latency_ms.mean; },
     true, &PaperRow::latency, false},
};

// What the best cell of the measure shows. Cells that show the same are all best. "": fewer than
// two rows have a figure, so there is nothing to be best of.
std::string best_text(const std::vector<ModelResults>& rows, const Measure& measure) {
  const ModelResults* best = nullptr;
  int figures = 0;
  for (const ModelResults& row : rows) {
    const double value = measure.value(row);
    if (!std::isfinite(value)) continue;
    ++figures;
    if (!best ||
        (measure.lower_is_better ? value < measure.value(*best) : value > measure.value(*best))) {
      best = &row;
    }
  }
  return figures > 1 ? measure.cell(*best).text : "";
}

bool any_mark(const DatasetResults& results) {
  return std::ranges::any_of(results.models, [](const ModelResults& row) {
    return std::ranges::any_of(row.against_best, [](const AgainstBest& test) {
      return !significance_mark(test.p_holm).empty();
    });
  });
}

std::vector<std::string> notes_of(const DatasetResults& results) {
  std::vector<std::string> notes = {
      "n: runs (seeds). Metrics: mean ± standard deviation over them; the best in bold. Latency: "
      "mean time of one recommendation, from the lowest to the highest bound of the runs' 95 % "
      "intervals. Parameters: all (without embeddings)."};
  if (any_tokens(results)) {
    notes.emplace_back(
        "Tokens/s: what language models read and wrote in a second while latency was measured.");
  }
  if (any_mark(results)) {
    notes.emplace_back(
        "†, ‡: worse than the best of the column with p < 0.05, p < 0.01 (paired permutation test "
        "over the test users, corrected after Holm for all models of the table).");
  }
  if (results.paper) {
    notes.push_back(fmt::format(
        "Paper: its Table {}, with ours over its figure (×). It names no unit of latency, and "
        "says that it measured language models in tokens per second.",
        results.paper->table));
  }
  for (std::string& note : missing_runs(results)) notes.push_back(std::move(note));
  return notes;
}

}  // namespace

Table results_table(const DatasetResults& results) {
  Table table{.title = results.title()};
  table.columns = {{"Model", false}, {"n"}};
  const auto add_column = [&](const char* name) {
    table.columns.push_back({name});
    if (results.paper) table.columns.push_back({"Paper"});
  };
  for (const Measure& measure : kMeasures) add_column(measure.name);
  const bool tokens = any_tokens(results);
  if (tokens) table.columns.push_back({"Tokens/s"});
  add_column("# Parameters");
  if (results.paper) table.paper_table = results.paper->table;

  std::vector<std::string> best;
  for (const Measure& measure : kMeasures) best.push_back(best_text(results.models, measure));
  for (const ModelResults& row : results.models) {
    const PaperRow paper = row.paper ? *row.paper : PaperRow{};
    std::vector<Cell> cells = {{row.name()}, count_cell(row)};
    const auto add_cell = [&](Cell cell, const std::string& in_paper, const std::string& ratio) {
      cells.push_back(std::move(cell));
      if (results.paper) cells.push_back({in_paper, ratio});
    };
    for (size_t i = 0; i < std::size(kMeasures); ++i) {
      const Measure& measure = kMeasures[i];
      Cell cell = measure.cell(row);
      cell.best = !cell.text.empty() && cell.text == best[i];
      if (i < kTestedMetrics) cell.mark = significance_mark(row.against_best[i].p_holm);
      const std::string& theirs = paper.*measure.paper;
      add_cell(std::move(cell), theirs,
               measure.comparable ? ratio_text(measure.value(row), theirs) : "");
    }
    if (tokens) cells.push_back(tokens_cell(row));
    add_cell(params_cell(row), params_text(paper.params, paper.params_no_embedding),
             row.params > 0 ? ratio_text(static_cast<double>(row.params), paper.params) : "");
    table.rows.push_back(std::move(cells));
  }
  table.notes = notes_of(results);
  return table;
}

std::string results_csv(const DatasetResults& results) {
  std::string out =
      "dataset,dataset_settings,model,settings,runs,done,"
      "hit_10,hit_10_sd,hit_10_paper,ndcg_10,ndcg_10_sd,ndcg_10_paper,"
      "mrr_10,mrr_10_sd,mrr_10_paper,"
      "latency_ms,latency_ms_sd,latency_low_ms,latency_high_ms,latency_paper,"
      "tokens_per_s,tokens_per_s_sd,params,params_no_embedding,params_paper,"
      "params_no_embedding_paper\n";
  for (const ModelResults& row : results.models) {
    const PaperRow paper = row.paper ? *row.paper : PaperRow{};
    const auto count = [&](int64_t x) { return row.done > 0 ? fmt::format("{}", x) : ""; };
    out += csv_line({csv_text(results.dataset),
                     csv_text(results.settings),
                     csv_text(row.model),
                     csv_text(row.settings),
                     fmt::format("{}", row.runs.size()),
                     fmt::format("{}", row.done),
                     csv_number(row.hit_10.mean),
                     csv_number(row.hit_10.sd),
                     paper.hit_10,
                     csv_number(row.ndcg_10.mean),
                     csv_number(row.ndcg_10.sd),
                     paper.ndcg_10,
                     csv_number(row.mrr_10.mean),
                     csv_number(row.mrr_10.sd),
                     paper.mrr_10,
                     csv_number(row.latency_ms.mean),
                     csv_number(row.latency_ms.sd),
                     csv_number(row.latency_low_ms),
                     csv_number(row.latency_high_ms),
                     paper.latency,
                     csv_number(row.tokens_per_s.mean),
                     csv_number(row.tokens_per_s.sd),
                     count(row.params),
                     count(row.params_no_embedding),
                     paper.params,
                     paper.params_no_embedding});
  }
  return out;
}

}  // namespace seqsweep
