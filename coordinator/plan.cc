#include "coordinator/plan.h"

#include <algorithm>
#include <functional>
#include <map>

#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kNameLengthMax = 64;
constexpr size_t kRunsMax = 100'000;  // More is a mistake in the grid.

// The file as it is written; its components are resolved afterwards.
struct SweepFile {
  std::string name;
  Value datasets, models, optimizers, seeds;
  TrainConfig train;
  EvaluateConfig evaluate;
  LatencyConfig latency;
  std::optional<std::string> data_dir;

  void fields(auto&& field) {
    field("name", name, "names the sweep and its files");
    field("datasets", datasets, "what is trained on");
    field("models", models, "what is trained");
    field("optimizers", optimizers, "what trains it");
    field("seeds", seeds, "random seeds, a run each");
    field("train", train, "how it is trained");
    field("evaluate", evaluate, "how it is ranked");
    field("latency", latency, "how recommendations are timed");
    field("data_dir", data_dir, "where raw and cached data sets lie");
  }
};

void require_safe_name(const std::string& name, const Value& file) {
  const Value* found = file.find("name");
  if (!found) throw_input("{}: 'name' is missing: give the sweep one", file.position().origin);
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kNameLengthMax || name[0] == '.' || name[0] == '-' ||
      !std::all_of(name.begin(), name.end(), safe)) {
    throw_input(
        "{}: name: must be a file name of 1 to {} letters, digits, '.', '_' or '-' that starts "
        "with none of '.', '-'; got '{}'",
        found->position().text(), kNameLengthMax, printable(name));
  }
}

const std::vector<Value>& entries_of(const Value& list, const Value& file, const std::string& key,
                                     const std::string& valid) {
  if (!file.find(key)) {
    throw_input("{}: '{}' is missing: a list of {}", file.position().origin, key, valid);
  }
  if (!list.is_list()) config_detail::throw_wrong_type(list, key, "a list");
  if (list.items().empty()) {
    throw_input("{}: {}: the list is empty; valid is a list of {}", list.position().text(), key,
                valid);
  }
  return list.items();
}

std::string known(const ComponentIndex& index) {
  return fmt::format("{}s (known: {})", index.kind(), join(index.names(), ", "));
}

// A component is a name, or a map of a name and settings.
struct Written {
  std::string name;
  Value settings;
};

Written read_written(const Value& entry, const std::string& path, const std::string& kind) {
  if (entry.is_scalar()) return {entry.text(), Value::map(entry.position())};
  if (!entry.is_map()) {
    config_detail::throw_wrong_type(entry, path, "a name or a map {name: ..., settings}");
  }
  const Value* name = entry.find("name");
  if (!name) throw_input("{}: {}: the {} has no 'name'", entry.position().text(), path, kind);
  Written written{config_detail::read_string(*name, path + ".name"), entry};
  written.settings.erase("name");
  return written;
}

Json resolve(const Written& written, const ComponentIndex& index, const Position& at,
             const std::string& path) {
  Json spec = index.find(written.name, at).resolve(written.settings, path);
  spec["name"] = written.name;
  return spec;
}

Choice read_choice(const Value& entry, const std::string& path, const ComponentIndex& index) {
  const Written written = read_written(entry, path, index.kind());
  return {resolve(written, index, entry.position(), path), written.name, entry.position()};
}

// What `key` of an entry says of the objective: nothing, a name, settings of the default one, or
// both.
Json read_objective(const Value* entry, const std::string& path, std::string name,
                    const Position& model_at, const Catalog& catalog) {
  if (!entry) return resolve({name, Value::map(model_at)}, catalog.objectives, model_at, path);
  Value named = *entry;
  if (named.is_map() && !named.find("name")) {
    named.set("name", Value::scalar(std::move(name), entry->position()));
  }
  return read_choice(named, path, catalog.objectives).spec;
}

// The sweep's section with the keys that a model's entry sets.
template <ConfigStruct T>
T read_overridden(const T& common, const Value* entry, const std::string& path) {
  if (!entry) return common;
  read_config<T>(*entry, path);  // Errors name the place in the entry.
  Value merged = parse_yaml(to_json(common).dump(), entry->position().origin);
  for (const auto& [key, value] : entry->entries()) merged.set(key.text(), value);
  return read_config<T>(merged, path);
}

ModelChoice read_model(const Value& entry, const std::string& path, const SweepFile& file,
                       const Catalog& catalog) {
  Written written = read_written(entry, path, catalog.models.kind());
  for (const char* key : {"objective", "train", "evaluate"}) written.settings.erase(key);
  ModelChoice choice;
  choice.at = entry.position();
  choice.label = written.name;
  choice.spec = resolve(written, catalog.models, choice.at, path);
  const Json& traits = catalog.models.find(written.name, choice.at).traits;
  choice.objective = read_objective(entry.find("objective"), path + ".objective",
                                    traits.at("objective").get<std::string>(), choice.at, catalog);
  choice.train = read_overridden(file.train, entry.find("train"), path + ".train");
  choice.evaluate = read_overridden(file.evaluate, entry.find("evaluate"), path + ".evaluate");
  if (choice.evaluate.cutoffs.empty()) {
    throw_input("{}: {}: evaluate.cutoffs is empty; valid is a list of integers at least 1",
                choice.at.text(), path);
  }
  return choice;
}

// The component that marks itself as the default one of its kind; "" when none does.
std::string default_of(const ComponentIndex& index, const Position& at) {
  for (const std::string& name : index.names()) {
    if (index.find(name, at).traits.value("default", false)) return name;
  }
  return "";
}

// The schedule that an optimizer's entry names: by `batch_schedule`, or by the key that a schedule
// has as its shorthand (`adaptive_batch: true`). Takes these keys out of the entry's settings.
Choice read_schedule(Value& settings, const std::string& path, const ComponentIndex& schedules) {
  const Position at = settings.position();
  std::optional<Choice> chosen;
  const auto choose = [&](const Value& entry, const std::string& key) {
    if (chosen) {
      throw_input("{}: {}: names a second batch schedule; leave one", entry.position().text(), key);
    }
    chosen = read_choice(entry, key, schedules);
  };
  if (const Value* entry = settings.find("batch_schedule"))
    choose(*entry, path + ".batch_schedule");
  settings.erase("batch_schedule");
  for (const std::string& name : schedules.names()) {
    const std::string shorthand = schedules.find(name, at).traits.value("shorthand", "");
    const Value* entry = shorthand.empty() ? nullptr : settings.find(shorthand);
    if (!entry) continue;
    const std::string key = path + "." + shorthand;
    if (config_detail::read_bool(*entry, key)) choose(Value::scalar(name, entry->position()), key);
    settings.erase(shorthand);
  }
  if (!chosen) choose(Value::scalar(default_of(schedules, at), at), path);
  return *chosen;
}

// A schedule steers by what the optimizer reports.
void require_reported(const std::string& schedule, const std::string& optimizer, const Position& at,
                      const Catalog& catalog) {
  const std::string needs = catalog.batch_schedules.find(schedule, at).traits.value("needs", "");
  const auto reports = [&](const std::string& name) {
    const Json figures = catalog.optimizers.find(name, at).traits.value("reports", Json::array());
    return needs.empty() || std::ranges::find(figures, Json(needs)) != figures.end();
  };
  if (reports(optimizer)) return;
  std::vector<std::string> able = catalog.optimizers.names();
  std::erase_if(able, std::not_fn(reports));
  throw_input(
      "{}: the batch schedule {} needs an optimizer that reports {}; {} does not, these do: {}",
      at.text(), schedule, needs, optimizer, join(able, ", "));
}

OptimizerChoice read_optimizer(const Value& entry, const std::string& path,
                               const Catalog& catalog) {
  Written written = read_written(entry, path, catalog.optimizers.kind());
  const Choice schedule = read_schedule(written.settings, path, catalog.batch_schedules);
  OptimizerChoice choice;
  choice.at = entry.position();
  choice.label = written.name;
  choice.spec = resolve(written, catalog.optimizers, choice.at, path);
  choice.batch_schedule = schedule.spec;
  require_reported(schedule.label, written.name, schedule.at, catalog);
  return choice;
}

std::vector<OptimizerChoice> read_optimizers(const Value& list, const Value& file,
                                             const Catalog& catalog) {
  const ComponentIndex& index = catalog.optimizers;
  const std::string usual = default_of(index, file.position());
  if (!file.find("optimizers") && !usual.empty()) {
    return {read_optimizer(Value::scalar(usual, file.position()), "optimizers.0", catalog)};
  }
  std::vector<OptimizerChoice> choices;
  for (const Value& entry : entries_of(list, file, "optimizers", known(index))) {
    choices.push_back(read_optimizer(entry, fmt::format("optimizers.{}", choices.size()), catalog));
  }
  return choices;
}

void collect_settings(const Json& json, const std::string& path,
                      std::map<std::string, std::string>& out) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = path.empty() ? key : path + "." + key;
    if (value.is_object()) {
      collect_settings(value, name, out);
    } else {
      out[name] = value.dump();
    }
  }
}

Json dump_model(const ModelChoice& model) {
  Json json = model.spec;
  json["objective"] = model.objective;
  json["train"] = to_json(model.train);
  json["evaluate"] = to_json(model.evaluate);
  return json;
}
Json dump_optimizer(const OptimizerChoice& optimizer) {
  Json json = optimizer.spec;
  json["batch_schedule"] = optimizer.batch_schedule;
  return json;
}
Json dump_choice(const Choice& choice) {
  return choice.spec;
}

// Entries of the same name are told apart by the settings in which they differ. What one has and
// another lacks belongs to a component of another name, and that is told.
template <typename T>
void distinguish(std::vector<T>& choices, Json (*dump)(const T&)) {
  std::map<std::string, std::vector<T*>> by_name;
  for (T& choice : choices) by_name[choice.label].push_back(&choice);
  for (auto& [name, same] : by_name) {
    if (same.size() == 1) continue;
    std::vector<std::map<std::string, std::string>> settings(same.size());
    for (size_t i = 0; i < same.size(); ++i) collect_settings(dump(*same[i]), "", settings[i]);
    for (size_t i = 0; i < same.size(); ++i) {
      std::vector<std::string> parts;
      for (const auto& [key, value] : settings[i]) {
        const auto other = [&](const auto& map) {
          const auto found = map.find(key);
          return found != map.end() && found->second != value;
        };
        if (std::any_of(settings.begin(), settings.end(), other))
          parts.push_back(key + "=" + value);
      }
      if (!parts.empty()) same[i]->label += "{" + join(parts, ",") + "}";
    }
  }
}

std::vector<Choice> read_choices(const Value& list, const Value& file, const std::string& key,
                                 const ComponentIndex& index) {
  std::vector<Choice> choices;
  for (const Value& entry : entries_of(list, file, key, known(index))) {
    choices.push_back(read_choice(entry, fmt::format("{}.{}", key, choices.size()), index));
  }
  distinguish(choices, dump_choice);
  return choices;
}

std::vector<Choice> read_seeds(const Value& list, const Value& file) {
  if (!file.find("seeds")) return {{1, "seed 1", file.position()}};
  std::vector<Choice> seeds;
  for (const Value& entry : entries_of(list, file, "seeds", "integers at least 0")) {
    int64_t seed = 0;
    read_field(entry, fmt::format("seeds.{}", seeds.size()), seed, at_least(0));
    seeds.push_back({seed, fmt::format("seed {}", seed), entry.position()});
  }
  return seeds;
}

// The entries that one run is made of.
struct Cell {
  const Choice* parts[4];
};

[[noreturn]] void throw_same_run(const Cell& first, const Cell& second, const std::string& label) {
  std::vector<std::string> places;
  for (size_t i = 0; i < std::size(first.parts); ++i) {
    if (first.parts[i] == second.parts[i]) continue;
    places.push_back(
        fmt::format("{} and {}", first.parts[i]->at.text(), second.parts[i]->at.text()));
  }
  throw_input("{}: two entries give the same run ({}): remove one", join(places, ", "), label);
}

}  // namespace

SweepConfig read_sweep(const Value& value, const Catalog& catalog) {
  const auto file = read_config<SweepFile>(value, "");
  require_safe_name(file.name, value);
  SweepConfig sweep{.name = file.name,
                    .datasets = read_choices(file.datasets, value, "datasets", catalog.datasets)};
  for (const Value& entry : entries_of(file.models, value, "models", known(catalog.models))) {
    const std::string path = fmt::format("models.{}", sweep.models.size());
    sweep.models.push_back(read_model(entry, path, file, catalog));
  }
  distinguish(sweep.models, dump_model);
  sweep.optimizers = read_optimizers(file.optimizers, value, catalog);
  distinguish(sweep.optimizers, dump_optimizer);
  sweep.seeds = read_seeds(file.seeds, value);
  sweep.train = file.train;
  sweep.evaluate = file.evaluate;
  sweep.latency = file.latency;
  sweep.data_dir = file.data_dir;
  return sweep;
}

std::vector<SweepRun> expand(const SweepConfig& sweep) {
  const double cells = double(sweep.datasets.size()) * double(sweep.models.size()) *
                       double(sweep.optimizers.size()) * double(sweep.seeds.size());
  if (cells > kRunsMax) {
    throw_input("sweep {}: the grid has {} runs, at most {} are valid: split it", sweep.name, cells,
                kRunsMax);
  }
  std::vector<SweepRun> runs;
  std::map<std::string, Cell> seen;
  for (const Choice& dataset : sweep.datasets) {
    for (const ModelChoice& model : sweep.models) {
      for (const OptimizerChoice& optimizer : sweep.optimizers) {
        for (const Choice& seed : sweep.seeds) {
          SweepRun run{.config = {.dataset = dataset.spec,
                                  .model = model.spec,
                                  .objective = model.objective,
                                  .optimizer = optimizer.spec,
                                  .batch_schedule = optimizer.batch_schedule,
                                  .seed = seed.spec.get<int64_t>(),
                                  .train = model.train,
                                  .evaluate = model.evaluate,
                                  .latency = sweep.latency},
                       .label = fmt::format("{}/{}/{}/{}", dataset.label, model.label,
                                            optimizer.label, seed.label)};
          run.run_id = config_hash(run.config.json());
          const Cell cell{{&dataset, &model, &optimizer, &seed}};
          const auto [first, is_new] = seen.emplace(run.run_id, cell);
          if (!is_new) throw_same_run(first->second, cell, run.label);
          runs.push_back(std::move(run));
        }
      }
    }
  }
  return runs;
}

Json resolved(const SweepConfig& sweep) {
  Json json = {{"name", sweep.name},
               {"train", to_json(sweep.train)},
               {"evaluate", to_json(sweep.evaluate)},
               {"latency", to_json(sweep.latency)},
               {"data_dir", to_json(sweep.data_dir)}};
  for (const Choice& dataset : sweep.datasets) json["datasets"].push_back(dataset.spec);
  for (const ModelChoice& model : sweep.models) json["models"].push_back(dump_model(model));
  for (const OptimizerChoice& optimizer : sweep.optimizers) {
    json["optimizers"].push_back(dump_optimizer(optimizer));
  }
  for (const Choice& seed : sweep.seeds) json["seeds"].push_back(seed.spec);
  return json;
}

}  // namespace seqsweep
