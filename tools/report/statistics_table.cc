#include "tools/report/statistics_table.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/report/against_best.h"
#include "tools/report/csv.h"
#include "tools/report/numbers.h"

namespace seqsweep {
namespace {

struct Tested {
  const char *name, *column;  // For people, for CSV.
  Statistic ModelResults::*statistic;
};
const Tested kTested[] = {{"HT@10", "hit_10", &ModelResults::hit_10},
                          {"NDCG@10", "ndcg_10", &ModelResults::ndcg_10},
                          {"MRR@10", "mrr_10", &ModelResults::mrr_10}};
static_assert(std::size(kTested) == kTestedMetrics);

std::string interval_text(double low, double high) {
  return std::isfinite(low) ? fmt::format("[{}, {}]", metric_text(low), metric_text(high)) : "";
}

// The smallest that a test of 9,999 random patterns can give is 0.0002.
std::string p_text(double p) {
  return std::isfinite(p) ? fmt::format("{:.4f}", p) : "";
}

std::vector<Cell> cells_of(const ModelResults& row, int metric) {
  const AgainstBest& test = row.against_best[metric];
  const Statistic& over_seeds = row.*kTested[metric].statistic;
  return {{row.name()},
          {kTested[metric].name},
          {.text = metric_text(over_seeds.mean), .best = test.best},
          {interval_text(test.low, test.high)},
          {metric_text(over_seeds.sd)},
          {test.best ? "best" : metric_text(test.difference)},
          {interval_text(test.difference_low, test.difference_high)},
          {std::isfinite(test.effect) ? fmt::format("{:.2f}", test.effect) : ""},
          {p_text(test.p)},
          {p_text(test.p_bootstrap)},
          {.text = p_text(test.p_holm), .mark = significance_mark(test.p_holm)}};
}

}  // namespace

Table statistics_table(const DatasetResults& results) {
  Table table{.title = results.title() + ": intervals and tests"};
  table.columns = {{"Model", false}, {"Metric", false}, {"Mean"}, {"95 %"}, {"sd (seeds)"},
                   {"To the best"},  {"95 %"},          {"d"},    {"p"},    {"p (bootstrap)"},
                   {"p (Holm)"}};
  int64_t users = 0;
  for (int metric = 0; metric < kTestedMetrics; ++metric) {
    for (const ModelResults& row : results.models) {
      if (row.against_best[metric].users == 0) continue;
      users = row.against_best[metric].users;
      table.rows.push_back(cells_of(row, metric));
    }
  }
  table.notes = {fmt::format(
      "Over {} test users; a user's figure is the mean over the model's runs. Intervals: BCa "
      "bootstrap over users. To the best: the mean difference from the best model of the metric. "
      "d: effect size, that difference in standard deviations of the users' differences. p: "
      "paired permutation test; p (bootstrap): paired bootstrap test; p (Holm): the permutation "
      "test's, corrected for all models of the data set. † p < 0.05, ‡ p < 0.01. The best was "
      "chosen by the same figures, so these tests flatter it a little; they say nothing of "
      "other seeds.",
      users)};
  return table;
}

std::string statistics_csv(const DatasetResults& results) {
  std::string out =
      "dataset,dataset_settings,model,settings,metric,runs,mean,sd,low,high,users,best,difference,"
      "difference_low,difference_high,effect_size,p,p_bootstrap,p_holm\n";
  for (int metric = 0; metric < kTestedMetrics; ++metric) {
    for (const ModelResults& row : results.models) {
      const AgainstBest& test = row.against_best[metric];
      const Statistic& over_seeds = row.*kTested[metric].statistic;
      out += csv_line({csv_text(results.dataset), csv_text(results.settings), csv_text(row.model),
                       csv_text(row.settings), kTested[metric].column, fmt::format("{}", row.done),
                       csv_number(over_seeds.mean), csv_number(over_seeds.sd), csv_number(test.low),
                       csv_number(test.high), fmt::format("{}", test.users), test.best ? "1" : "0",
                       csv_number(test.difference), csv_number(test.difference_low),
                       csv_number(test.difference_high), csv_number(test.effect),
                       csv_number(test.p), csv_number(test.p_bootstrap), csv_number(test.p_holm)});
    }
  }
  return out;
}

}  // namespace seqsweep
