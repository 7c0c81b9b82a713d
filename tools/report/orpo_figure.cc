#include "tools/report/orpo_figure.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "core/base/config.h"
#include "core/eval/significance.h"
#include "tools/report/csv.h"
#include "tools/report/numbers.h"

namespace seqsweep {
namespace {

struct Bar {
  const char *name, *column;
  double ResultRow::*value;
};
const Bar kBars[] = {{"HT@10", "hit_10", &ResultRow::hit_10},
                     {"NDCG@10", "ndcg_10", &ResultRow::ndcg_10},
                     {"MRR@10", "mrr_10", &ResultRow::mrr_10}};

constexpr double kShift = 0.19;  // Of a bar from the middle of its group.
constexpr uint64_t kPermutationSeed = 20240724;

bool is_orpo(const Json& config) {
  return config.contains("objective") && config["objective"].at("name") == "orpo";
}

std::vector<double> values_of(const OrpoPairs& pairs, const ResultRow* BeforeAfter::*side,
                              const Bar& bar) {
  std::vector<double> values;
  for (const BeforeAfter& pair : pairs.pairs) values.push_back((pair.*side)->*bar.value);
  return values;
}

FigurePoint point_of(double x, const Statistic& y) {
  const double sd = std::isfinite(y.sd) ? y.sd : 0;
  return {.x = x, .y = y.mean, .low = y.mean - sd, .high = y.mean + sd};
}

std::string test_text(const Bar& bar, const std::vector<double>& before,
                      const std::vector<double>& after) {
  std::vector<double> differences;
  for (size_t i = 0; i < before.size(); ++i) differences.push_back(after[i] - before[i]);
  const Statistic change = statistic(differences);
  std::string text = fmt::format("{}: {:+.4f} (×{:.3f})", bar.name, change.mean,
                                 statistic(after).mean / statistic(before).mean);
  if (differences.size() > 1) {
    text += fmt::format(", p = {:.4f} over {} seeds", permutation_p(differences, kPermutationSeed),
                        differences.size());
  }
  return text;
}

std::string csv_of(const DatasetResults& results, const OrpoPairs& pairs) {
  std::string out = "dataset,dataset_settings,model,settings,metric,seed,before,after\n";
  for (const Bar& bar : kBars) {
    for (const auto& [before, after] : pairs.pairs) {
      out += csv_line({csv_text(results.dataset), csv_text(results.settings),
                       csv_text(pairs.after->model), csv_text(pairs.after->settings), bar.column,
                       fmt::format("{}", after->seed), csv_number(before->*bar.value),
                       csv_number(after->*bar.value)});
    }
  }
  return out;
}

}  // namespace

std::vector<OrpoPairs> orpo_pairs(const DatasetResults& results) {
  std::map<std::string, const ResultRow*> by_config;
  for (const ModelResults& row : results.models) {
    for (const ResultRow& run : row.runs) by_config[Json::parse(run.config).dump()] = &run;
  }
  std::vector<OrpoPairs> all;
  for (const ModelResults& row : results.models) {
    if (!is_orpo(Json::parse(row.runs.front().config))) continue;
    OrpoPairs pairs{.after = &row, .asked = static_cast<int64_t>(row.runs.size())};
    for (const ResultRow& run : row.runs) {
      const Json config = Json::parse(run.config);
      const Json needs = config.value("needs", Json::object());
      const auto start = needs.find("start");
      if (run.status != "done" || start == needs.end()) continue;
      const auto before = by_config.find(start->dump());
      if (before == by_config.end() || before->second->status != "done") continue;
      pairs.pairs.push_back({before->second, &run});
    }
    all.push_back(std::move(pairs));
  }
  return all;
}

std::optional<Figure> orpo_figure(const DatasetResults& results, const OrpoPairs& pairs,
                                  const std::string& slug) {
  if (pairs.pairs.empty()) return std::nullopt;
  Panel panel{.x = {.from = -0.6, .to = 2.6}, .y = {.label = "Value", .from = 0}};
  Series before{"Before ORPO", 1, Look::HollowBars, {}}, after{"After ORPO", 2, Look::Bars, {}};
  Figure figure{
      slug, pairs.after->name() + " on " + results.title(), {}, csv_of(results, pairs), {}};
  for (size_t i = 0; i < std::size(kBars); ++i) {
    const Bar& bar = kBars[i];
    const auto x = static_cast<double>(i);
    const auto old_values = values_of(pairs, &BeforeAfter::before, bar);
    const auto new_values = values_of(pairs, &BeforeAfter::after, bar);
    before.points.push_back(point_of(x - kShift, statistic(old_values)));
    after.points.push_back(point_of(x + kShift, statistic(new_values)));
    panel.x.places.push_back(bar.name);
    figure.notes.push_back(test_text(bar, old_values, new_values) + ".");
  }
  panel.series = {std::move(before), std::move(after)};
  figure.panels = {std::move(panel)};
  figure.notes.insert(
      figure.notes.begin(),
      "Means over seeds with their standard deviation; before: the run that the one after started "
      "from. p: paired permutation test, which k seeds cannot bring below 2 / 2^k.");
  const auto found = static_cast<int64_t>(pairs.pairs.size());
  if (found < pairs.asked) {
    figure.notes.push_back(fmt::format("{} of {} pairs done.", found, pairs.asked));
  }
  return figure;
}

}  // namespace seqsweep
