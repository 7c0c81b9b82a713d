#include "coordinator/sweep_entries.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int kChainMax = 8;  // Runs that need one another; more is a mistake.

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

// The sweep's section with the keys that a model's entry sets.
template <ConfigStruct T>
T read_overridden(const T& common, const Value* entry, const std::string& path) {
  if (!entry) return common;
  read_config<T>(*entry, path);  // Errors name the place in the entry.
  Value merged = parse_yaml(to_json(common).dump(), entry->position().origin);
  for (const auto& [key, value] : entry->entries()) merged.set(key.text(), value);
  return read_config<T>(merged, path);
}

// A model's entry without what only some places allow: the keys `optimizer` and `optimizers`.
ModelChoice read_plain_model(const Value& entry, const std::string& path,
                             const EntryContext& context, int depth);

NeededChoice read_needed(Value entry, const std::string& role, const std::string& path,
                         const EntryContext& context, int depth) {
  if (depth >= kChainMax) {
    throw_input("{}: {}: more than {} runs that need one another", entry.position().text(), path,
                kChainMax);
  }
  NeededChoice needed{.role = role};
  std::optional<Value> optimizer;
  if (const Value* found = entry.find("optimizer")) optimizer = *found;
  if (entry.is_map()) entry.erase("optimizer");
  needed.model = read_plain_model(entry, path, context, depth + 1);
  needed.optimizer = optimizer ? read_optimizer(*optimizer, path + ".optimizer", context.catalog)
                               : default_optimizer(entry.position(), path, context.catalog);
  return needed;
}

// A run of the same model with the same settings, but for those that its entry names.
NeededChoice read_start(const Value& entry, const std::string& path, const Written& user,
                        const EntryContext& context, int depth) {
  Value start = entry;
  if (start.is_scalar()) {
    start = Value::map(entry.position());
    start.set("name", entry);
  }
  if (!start.is_map()) config_detail::throw_wrong_type(entry, path, "a model's entry");
  if (!start.find("name")) start.set("name", Value::scalar(user.name, entry.position()));
  const Written written = read_written(start, path, context.catalog.models.kind());
  if (written.name != user.name) {
    throw_input("{}: {}: a run starts from one of its own model, {}; got '{}'",
                entry.position().text(), path, user.name, printable(written.name));
  }
  for (const auto& [key, value] : user.settings.entries()) {
    if (!start.find(key.text())) start.set(key.text(), value);
  }
  return read_needed(start, kStartRole, path, context, depth);
}

// What `key` of an entry says of the objective: nothing, a name, settings of the default one, or
// both. The keys of its roles name the runs that it needs; a role without one gets its own model.
void read_objective(const Value* entry, const std::string& path, const EntryContext& context,
                    int depth, ModelChoice& model) {
  const Catalog& catalog = context.catalog;
  const Json& traits = catalog.models.find(model.label, model.at).traits;
  const auto usual = traits.at("objective").get<std::string>();
  Value named = entry ? *entry : Value::scalar(usual, model.at);
  if (named.is_map() && !named.find("name")) {
    named.set("name", Value::scalar(usual, named.position()));
  }
  Written written = read_written(named, path, catalog.objectives.kind());
  const Json& of_objective = catalog.objectives.find(written.name, named.position()).traits;
  const Json roles = of_objective.value("needs", Json::object());
  for (const auto& [role, usual_model] : roles.items()) {
    const Value* found = written.settings.find(role);
    const Value needed =
        found ? *found : Value::scalar(usual_model.get<std::string>(), named.position());
    written.settings.erase(role);
    model.needs.push_back(read_needed(needed, role, path + "." + role, context, depth));
  }
  model.objective = resolve(written, catalog.objectives, named.position(), path);
}

ModelChoice read_plain_model(const Value& entry, const std::string& path,
                             const EntryContext& context, int depth) {
  const ComponentIndex& index = context.catalog.models;
  Written written = read_written(entry, path, index.kind());
  for (const char* key : {"objective", "train", "evaluate", "start"}) written.settings.erase(key);
  ModelChoice choice;
  choice.at = entry.position();
  choice.label = written.name;
  choice.spec = resolve(written, index, choice.at, path);
  read_objective(entry.find("objective"), path + ".objective", context, depth, choice);
  if (const Value* start = entry.find("start")) {
    choice.needs.push_back(read_start(*start, path + ".start", written, context, depth));
  }
  choice.train = read_overridden(context.train, entry.find("train"), path + ".train");
  choice.evaluate = read_overridden(context.evaluate, entry.find("evaluate"), path + ".evaluate");
  if (choice.evaluate.cutoffs.empty()) {
    throw_input("{}: {}: evaluate.cutoffs is empty; valid is a list of integers at least 1",
                choice.at.text(), path);
  }
  return choice;
}

}  // namespace

Choice read_choice(const Value& entry, const std::string& path, const ComponentIndex& index) {
  const Written written = read_written(entry, path, index.kind());
  return {resolve(written, index, entry.position(), path), written.name, entry.position()};
}

ModelChoice read_model(const Value& entry, const std::string& path, const EntryContext& context) {
  Value plain = entry;
  std::vector<OptimizerChoice> optimizers;
  if (const Value* list = entry.is_map() ? entry.find("optimizers") : nullptr) {
    const std::string key = path + ".optimizers";
    if (!list->is_list() || list->items().empty()) {
      config_detail::throw_wrong_type(*list, key, "a list of optimizers");
    }
    for (const Value& one : list->items()) {
      optimizers.push_back(
          read_optimizer(one, fmt::format("{}.{}", key, optimizers.size()), context.catalog));
    }
    plain.erase("optimizers");
  }
  const Value* priority = entry.is_map() ? entry.find("priority") : nullptr;
  if (priority) plain.erase("priority");
  ModelChoice choice = read_plain_model(plain, path, context, /*depth=*/0);
  choice.optimizers = std::move(optimizers);
  if (priority) choice.priority = config_detail::read_int(*priority, path + ".priority");
  return choice;
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

OptimizerChoice default_optimizer(const Position& at, const std::string& path,
                                  const Catalog& catalog) {
  const std::string usual = default_of(catalog.optimizers, at);
  if (usual.empty()) {
    throw_input("{}: {}: no optimizer is named; known: {}", at.text(), path,
                join(catalog.optimizers.names(), ", "));
  }
  return read_optimizer(Value::scalar(usual, at), path + ".optimizer", catalog);
}

Json dump_model(const ModelChoice& model) {
  Json json = model.spec;
  json["objective"] = model.objective;
  json["train"] = to_json(model.train);
  json["evaluate"] = to_json(model.evaluate);
  if (model.priority != 0) json["priority"] = model.priority;
  for (const OptimizerChoice& optimizer : model.optimizers) {
    json["optimizers"].push_back(dump_optimizer(optimizer));
  }
  for (const NeededChoice& needed : model.needs) {
    Json entry = dump_model(needed.model);
    entry["optimizer"] = dump_optimizer(needed.optimizer);
    (needed.role == kStartRole ? json : json["objective"])[needed.role] = std::move(entry);
  }
  return json;
}

Json dump_optimizer(const OptimizerChoice& optimizer) {
  Json json = optimizer.spec;
  json["batch_schedule"] = optimizer.batch_schedule;
  return json;
}

}  // namespace seqsweep
