#include "tools/report/variants.h"

#include <algorithm>
#include <map>

#include "core/protocol/run_config.h"
#include "tools/report/labels.h"

namespace seqsweep {
namespace {

Json config_of(const ModelResults& row) {
  return Json::parse(row.runs.front().config);
}

// What the curves of one figure must share: else their losses do not compare.
Json compared(const Json& config) {
  Json same = Json::object();
  for (const char* key : {"model", "objective"}) {
    if (config.contains(key)) same[key] = config[key];
  }
  return same;
}

Json trained(const Json& whole) {
  Json config = without_keys(whole, {"seed", "dataset"});
  for (const char* key : {"model", "objective", "needs"}) config.erase(key);
  return config;
}

std::vector<Variant> variants_of(const std::vector<const ModelResults*>& rows) {
  std::vector<Json> configs;
  for (const ModelResults* row : rows) configs.push_back(trained(config_of(*row)));
  const std::vector<std::string> labels = differences(configs);
  std::vector<Variant> variants;
  for (size_t i = 0; i < rows.size(); ++i) {
    // A setting that only others have tells nothing of this one.
    variants.push_back(
        {labels[i].empty() ? rows[i]->runs.front().optimizer : labels[i], 0, rows[i]});
  }
  std::ranges::sort(variants, {}, &Variant::label);
  for (size_t i = 0; i < variants.size(); ++i) variants[i].style = i;
  return variants;
}

std::string with_settings(const std::string& name, const std::string& settings,
                          const std::string& before, const std::string& after) {
  return settings.empty() ? name : name + before + settings + after;
}

}  // namespace

std::vector<const ResultRow*> Variant::done() const {
  std::vector<const ResultRow*> runs;
  for (const ResultRow& run : results->runs) {
    if (run.status == "done") runs.push_back(&run);
  }
  return runs;
}

std::string Comparison::title() const {
  return with_settings(label, settings, " (", ")") + " on " + dataset->title();
}

std::string Comparison::file_part() const {
  return dataset->file_part() + "_" + with_settings(model, settings, "-", "");
}

std::vector<Comparison> comparisons(const DatasetResults& results) {
  std::vector<Comparison> all;
  for (size_t begin = 0, end = 0; begin < results.models.size(); begin = end) {
    while (end < results.models.size() &&
           results.models[end].model == results.models[begin].model) {
      ++end;
    }
    std::map<std::string, std::vector<const ModelResults*>> groups;
    for (size_t i = begin; i < end; ++i) {
      const ModelResults& row = results.models[i];
      groups[compared(config_of(row)).dump()].push_back(&row);
    }
    std::vector<Json> configs;
    for (const auto& [config, rows] : groups) configs.push_back(Json::parse(config));
    const std::vector<std::string> settings = differences(configs);
    for (size_t i = 0; const auto& [config, rows] : groups) {
      all.push_back(
          {&results, rows.front()->model, rows.front()->label, settings[i++], variants_of(rows)});
    }
  }
  return all;
}

}  // namespace seqsweep
