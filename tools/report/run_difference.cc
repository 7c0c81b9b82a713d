#include "tools/report/run_difference.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "db/queries.h"

namespace seqsweep {
namespace {

Json result_json(const ResultRow& run) {
  Json json = {{"status", run.status},        {"epochs", run.epochs}, {"params", run.params},
               {"attempts", run.attempts},    {"ranks", run.ranks},   {"device", run.device},
               {"git_commit", run.git_commit}};
  const std::pair<const char*, double> numbers[] = {
      {"hit_10", run.hit_10},         {"ndcg_10", run.ndcg_10}, {"mrr_10", run.mrr_10},
      {"latency_ms", run.latency_ms}, {"train_s", run.train_s}, {"tokens_per_s", run.tokens_per_s}};
  for (const auto& [name, value] : numbers) {
    if (std::isfinite(value)) json[name] = value;
  }
  if (!run.error.empty()) json["error"] = run.error;
  return json;
}

ResultRow row_of(Database& database, const std::string& run_id) {
  for (ResultRow& run : read_results(database)) {
    if (run.run_id == run_id) return run;
  }
  return {};
}

}  // namespace

std::map<std::string, std::string> flat_keys(const Json& json, const std::string& prefix) {
  std::map<std::string, std::string> flat;
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      flat.merge(flat_keys(value, prefix + key + "."));
    } else {
      flat[prefix + key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return flat;
}

std::vector<Difference> json_differences(const std::string& part, const Json& left,
                                         const Json& right) {
  const auto ours = flat_keys(left), theirs = flat_keys(right);
  std::set<std::string> keys;
  for (const auto& [key, value] : ours) keys.insert(key);
  for (const auto& [key, value] : theirs) keys.insert(key);
  std::vector<Difference> found;
  for (const std::string& key : keys) {
    const auto a = ours.find(key), b = theirs.find(key);
    Difference one{part, key, a == ours.end() ? "" : a->second, b == theirs.end() ? "" : b->second};
    if (one.left != one.right) found.push_back(std::move(one));
  }
  return found;
}

std::vector<Difference> run_differences(Database& database, const std::string& left,
                                        const std::string& right) {
  const ResultRow a = row_of(database, left), b = row_of(database, right);
  std::vector<Difference> all =
      json_differences("config", Json::parse(a.config), Json::parse(b.config));
  const auto environment = [&](const std::string& run) {
    return Json::parse(read_environment(database, run));
  };
  for (const auto& more : {json_differences("environment", environment(left), environment(right)),
                           json_differences("result", result_json(a), result_json(b))}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace seqsweep
