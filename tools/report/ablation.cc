#include "tools/report/ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "tools/report/csv.h"
#include "tools/report/labels.h"
#include "tools/report/numbers.h"

namespace seqsweep {
namespace {

struct AblationMetric {
  const char *key, *name;
  double ResultRow::*value;
  bool lower_is_better;
};
const AblationMetric kMetrics[] = {{"hit_10", "HT@10", &ResultRow::hit_10, false},
                                   {"ndcg_10", "NDCG@10", &ResultRow::ndcg_10, false},
                                   {"mrr_10", "MRR@10", &ResultRow::mrr_10, false},
                                   {"latency_ms", "Latency (ms)", &ResultRow::latency_ms, true},
                                   {"tokens_per_s", "Tokens/s", &ResultRow::tokens_per_s, false},
                                   {"train_s", "Training (s)", &ResultRow::train_s, true}};

const AblationMetric& metric_of(const std::string& key) {
  for (const AblationMetric& metric : kMetrics) {
    if (key == metric.key) return metric;
  }
  throw_input("--metric: one of {}; '{}' came{}", join(ablation_metrics(), ", "), printable(key),
              did_you_mean(key, ablation_metrics()));
}

// Every setting by its dotted key; a part with a name also as a whole: "optimizer" is "adam".
void flatten(const Json& config, const std::string& prefix,
             std::map<std::string, std::string>& out) {
  for (const auto& [key, value] : config.items()) {
    if (!value.is_object()) {
      out[prefix + key] = setting_text(value);
      continue;
    }
    if (value.contains("name")) out[prefix + key] = setting_text(value["name"]);
    flatten(value, prefix + key + ".", out);
  }
}

struct Run {
  const ResultRow* row = nullptr;
  std::map<std::string, std::string> settings;
};

// A value as others of its column are sorted: numbers before texts.
std::pair<double, std::string> order_of(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && *end == '\0';
  return {is_number ? number : HUGE_VAL, text};
}

struct ByOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return order_of(a) < order_of(b);
  }
};

using Values = std::set<std::string, ByOrder>;
using CellRuns = std::map<std::pair<std::string, std::string>, std::vector<const Run*>>;

// Settings, other than the two keys and the seed, in which runs of one cell differ.
std::set<std::string> differing(const CellRuns& cells, const AblationChoice& choice) {
  std::set<std::string> keys;
  for (const auto& [place, runs] : cells) {
    for (const Run* run : runs) {
      for (const auto& [key, value] : run->settings) {
        const auto first = runs.front()->settings.find(key);
        if (first == runs.front()->settings.end() || first->second != value) keys.insert(key);
      }
    }
  }
  for (const std::string& key : {choice.rows, choice.columns, std::string("seed")}) keys.erase(key);
  std::erase_if(keys, [](const std::string& key) { return key.starts_with("needs."); });
  return keys;
}

Statistic over(const std::vector<const Run*>& runs, const AblationMetric& metric) {
  std::vector<double> values;
  for (const Run* run : runs) values.push_back(run->row->*metric.value);
  return statistic(values);
}

std::string number_text(double value, const AblationMetric& metric) {
  const std::string key = metric.key;
  return key.ends_with("_10") ? metric_text(value) : decimal_text(value, decimals_for(value));
}

Ablation table_of(const std::string& title, const std::string& file_part,
                  const std::vector<Run>& runs, const AblationChoice& choice) {
  const AblationMetric& metric = metric_of(choice.metric);
  CellRuns cells;
  Values rows, columns;
  int64_t open = 0;
  for (const Run& run : runs) {
    const auto row = run.settings.find(choice.rows), column = run.settings.find(choice.columns);
    if (row == run.settings.end() || column == run.settings.end()) continue;
    rows.insert(row->second), columns.insert(column->second);
    if (run.row->status == "done") {
      cells[{row->second, column->second}].push_back(&run);
    } else {
      ++open;
    }
  }
  std::map<std::pair<std::string, std::string>, Statistic> statistics;
  double best = metric.lower_is_better ? HUGE_VAL : -HUGE_VAL;
  for (const auto& [place, members] : cells) {
    const Statistic& cell = statistics[place] = over(members, metric);
    best = metric.lower_is_better ? std::fmin(best, cell.mean) : std::fmax(best, cell.mean);
  }
  Ablation made{.file_part = file_part,
                .table = {.title = fmt::format("{}: {} by {} and {}", title, metric.name,
                                               choice.rows, choice.columns)}};
  made.table.columns = {{choice.rows, false}};
  for (const std::string& column : columns) made.table.columns.push_back({column});
  made.csv = csv_line({"rows", "columns", "metric", "runs", "mean", "sd", "low", "high"});
  for (const std::string& row : rows) {
    std::vector<Cell> line = {{row}};
    for (const std::string& column : columns) {
      const auto found = statistics.find({row, column});
      const Statistic cell = found == statistics.end() ? Statistic{} : found->second;
      Cell shown{.text = number_text(cell.mean, metric),
                 .best = statistics.size() > 1 && cell.mean == best};
      if (cell.n > 1) shown.spread = fmt::format("± {} ({})", number_text(cell.sd, metric), cell.n);
      line.push_back(std::move(shown));
      made.csv += csv_line({csv_text(row), csv_text(column), metric.key, fmt::format("{}", cell.n),
                            csv_number(cell.mean), csv_number(cell.sd), csv_number(cell.low),
                            csv_number(cell.high)});
    }
    made.table.rows.push_back(std::move(line));
  }
  made.table.notes = {
      "Mean ± standard deviation (runs) over all runs that have both settings; the "
      "best cell in bold."};
  const std::set<std::string> others = differing(cells, choice);
  if (!others.empty()) {
    made.table.notes.push_back(
        "Runs of one cell differ also in: " + join({others.begin(), others.end()}, ", ") + ".");
  }
  if (open > 0) made.table.notes.push_back(fmt::format("{} runs are not done.", open));
  return made;
}

std::vector<Run> runs_of(const DatasetResults& results) {
  std::vector<Run> runs;
  for (const ModelResults& model : results.models) {
    for (const ResultRow& row : model.runs) {
      runs.push_back({&row, {}});
      flatten(Json::parse(row.config), "", runs.back().settings);
    }
  }
  return runs;
}

void require_key(const char* option, const std::string& key, const std::vector<Run>& runs) {
  std::set<std::string> known;
  for (const Run& run : runs) {
    if (run.settings.contains(key)) return;
    for (const auto& [name, value] : run.settings) known.insert(name);
  }
  const std::vector<std::string> names(known.begin(), known.end());
  throw_input("{}: a key of the runs' configs; '{}' came{}; there are: {}", option, printable(key),
              did_you_mean(key, names), join(names, ", "));
}

bool is_of_dataset(const std::string& key) {
  return key == "dataset" || key.starts_with("dataset.");
}

}  // namespace

std::vector<std::string> ablation_metrics() {
  std::vector<std::string> keys;
  for (const AblationMetric& metric : kMetrics) keys.emplace_back(metric.key);
  return keys;
}

std::vector<Ablation> ablations(const std::vector<DatasetResults>& results,
                                const AblationChoice& choice) {
  metric_of(choice.metric);
  std::vector<Run> all;
  for (const DatasetResults& one : results)
    std::ranges::move(runs_of(one), std::back_inserter(all));
  require_key("--rows", choice.rows, all);
  require_key("--cols", choice.columns, all);
  const std::string keys = choice.rows + "_" + choice.columns + "_" + choice.metric;
  if (is_of_dataset(choice.rows) || is_of_dataset(choice.columns)) {
    return {table_of("All data sets", keys, all, choice)};
  }
  std::vector<Ablation> made;
  for (const DatasetResults& one : results) {
    const std::vector<Run> runs = runs_of(one);
    Ablation ablation = table_of(one.title(), one.file_part() + "_" + keys, runs, choice);
    if (!ablation.table.rows.empty()) made.push_back(std::move(ablation));
  }
  return made;
}

}  // namespace seqsweep
