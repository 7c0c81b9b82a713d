#include "core/protocol/run_config.h"

namespace seqsweep {

Json RunConfig::json() const {
  Json json = {{"dataset", dataset},
               {"model", model},
               {"objective", objective},
               {"optimizer", optimizer},
               {"batch_schedule", batch_schedule},
               {"seed", seed},
               {"train", to_json(train)},
               {"evaluate", to_json(evaluate)},
               {"latency", to_json(latency)}};
  if (!needs.empty()) json["needs"] = needs;  // Else the ids of runs are what they always were.
  return json;
}

RunConfig RunConfig::from_json(const Json& json) {
  if (!json.is_object()) throw_input("run config: must be a map");
  const auto part = [&](const char* name) {
    const auto found = json.find(name);
    if (found == json.end()) throw_input("run config: '{}' is missing", name);
    return *found;
  };
  const auto section = [&](const char* name) {
    return parse_yaml(part(name).dump(), "run config");
  };
  RunConfig config;
  config.dataset = part("dataset");
  config.model = part("model");
  config.objective = part("objective");
  config.optimizer = part("optimizer");
  config.batch_schedule = part("batch_schedule");
  const Json seed = part("seed");
  if (!seed.is_number_integer()) throw_input("run config: 'seed' must be an integer");
  config.seed = seed.get<int64_t>();
  config.train = read_config<TrainConfig>(section("train"), "train");
  config.evaluate = read_config<EvaluateConfig>(section("evaluate"), "evaluate");
  config.latency = read_config<LatencyConfig>(section("latency"), "latency");
  if (const auto needs = json.find("needs"); needs != json.end()) {
    if (!needs->is_object()) throw_input("run config: 'needs' must be a map of roles to configs");
    config.needs = needs->get<std::map<std::string, Json>>();
  }
  return config;
}

RunConfig RunConfig::parse(const std::string& text) {
  return from_json(parse_json(text, "run config"));
}

Json without_keys(Json config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) config.erase(key);
  if (const auto needs = config.find("needs"); needs != config.end()) {
    for (Json& needed : *needs) needed = without_keys(std::move(needed), keys);
  }
  return config;
}

}  // namespace seqsweep
