#include "tools/report/results.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "core/protocol/run_config.h"
#include "tools/report/labels.h"

namespace seqsweep {
namespace {

std::string with_settings(const std::string& name, const std::string& settings) {
  return settings.empty() ? name : name + " (" + settings + ")";
}

template <typename Member>
Statistic over_done(const std::vector<ResultRow>& runs, Member member) {
  std::vector<double> values;
  for (const ResultRow& run : runs) {
    if (run.status == "done") values.push_back(run.*member);
  }
  return statistic(values);
}

ModelResults sum_up(std::vector<ResultRow> runs) {
  std::ranges::sort(runs, {}, [](const ResultRow& run) { return std::tie(run.seed, run.run_id); });
  ModelResults results{.model = runs.front().model};
  results.hit_10 = over_done(runs, &ResultRow::hit_10);
  results.ndcg_10 = over_done(runs, &ResultRow::ndcg_10);
  results.mrr_10 = over_done(runs, &ResultRow::mrr_10);
  results.latency_ms = over_done(runs, &ResultRow::latency_ms);
  results.tokens_per_s = over_done(runs, &ResultRow::tokens_per_s);
  for (const ResultRow& run : runs) {
    if (run.status != "done") continue;
    ++results.done;
    results.params = run.params;
    results.params_no_embedding = run.params_no_embedding;
    // fmin and fmax pass over NaN.
    results.latency_low_ms = std::fmin(results.latency_low_ms, run.latency_low_ms);
    results.latency_high_ms = std::fmax(results.latency_high_ms, run.latency_high_ms);
  }
  results.runs = std::move(runs);
  return results;
}

// Rows by a key of their config; configs in the order of their texts, so that the order of the
// database does not matter.
template <typename Key>
std::map<std::string, std::vector<ResultRow>> grouped(const std::vector<ResultRow>& runs, Key key) {
  std::map<std::string, std::vector<ResultRow>> groups;
  for (const ResultRow& run : runs) groups[key(Json::parse(run.config)).dump()].push_back(run);
  return groups;
}

// The runs that a run needs have the same seed and data set.
Json without_seed_and_dataset(Json config) {
  return without_keys(std::move(config), {"seed", "dataset"});
}

// How runs were trained, and what the runs that they need are, is said where nothing else tells
// them apart.
const std::vector<std::string> kLessTelling = {"needs", "train", "evaluate"};

// The rows of one model, told apart by their settings.
std::vector<ModelResults> model_rows(const std::vector<ResultRow>& runs) {
  std::vector<ModelResults> rows;
  std::vector<Json> configs;
  for (auto& [config, members] : grouped(runs, without_seed_and_dataset)) {
    configs.push_back(Json::parse(config));
    rows.push_back(sum_up(members));
  }
  const std::vector<std::string> settings = differences(configs, kLessTelling);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].settings = settings[i];
  std::ranges::sort(rows, {}, &ModelResults::settings);
  return rows;
}

DatasetResults dataset_results(const std::vector<ResultRow>& runs, const Paper& paper) {
  DatasetResults results{.dataset = runs.front().dataset};
  results.paper = paper.find_dataset(results.dataset);
  std::map<std::pair<size_t, std::string>, std::vector<ResultRow>> by_model;
  for (const ResultRow& run : runs) {
    by_model[{paper.rank(run.dataset, run.model), run.model}].push_back(run);
  }
  for (const auto& [place, members] : by_model) {
    for (ModelResults& row : model_rows(members)) {
      row.label = paper.label(row.model);
      row.paper = paper.find(results.dataset, row.model);
      results.models.push_back(std::move(row));
    }
  }
  return results;
}

}  // namespace

std::string ModelResults::name() const {
  return with_settings(label, settings);
}

std::string DatasetResults::title() const {
  return with_settings(paper ? paper->title : dataset, settings);
}

std::string DatasetResults::file_part() const {
  return settings.empty() ? dataset : dataset + "-" + settings;
}

std::vector<DatasetResults> summarize(const std::vector<ResultRow>& runs, const Paper& paper) {
  std::map<std::string, std::vector<ResultRow>> by_name;
  for (const ResultRow& run : runs) by_name[run.dataset].push_back(run);
  std::vector<DatasetResults> all;
  for (const auto& [name, members] : by_name) {
    std::vector<Json> configs;
    const size_t first = all.size();
    for (const auto& [config, group] :
         grouped(members, [](const Json& config) { return config.at("dataset"); })) {
      configs.push_back(Json::parse(config));
      all.push_back(dataset_results(group, paper));
    }
    const std::vector<std::string> settings = differences(configs);
    for (size_t i = 0; i < configs.size(); ++i) all[first + i].settings = settings[i];
  }
  std::ranges::stable_sort(all, {}, [](const DatasetResults& results) {
    return results.paper ? results.paper->table : std::numeric_limits<int>::max();
  });
  return all;
}

}  // namespace seqsweep
