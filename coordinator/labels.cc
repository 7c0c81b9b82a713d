#include "coordinator/labels.h"

#include <algorithm>
#include <map>

#include "core/base/text.h"

namespace seqsweep {
namespace {

// An entry's label and the settings that may tell it from others.
struct Labelled {
  std::string* label;
  std::map<std::string, std::string> settings;
};

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

Labelled labelled(std::string& label, const Json& dump) {
  Labelled entry{&label, {}};
  collect_settings(dump, "", entry.settings);
  return entry;
}

void distinguish(std::vector<Labelled> entries) {
  std::map<std::string, std::vector<const Labelled*>> by_name;
  for (const Labelled& entry : entries) by_name[*entry.label].push_back(&entry);
  for (const auto& [name, same] : by_name) {
    // The values of each setting among the entries of this name.
    std::map<std::string, std::map<std::string, int>> values;
    for (const Labelled* entry : same) {
      for (const auto& [key, value] : entry->settings) ++values[key][value];
    }
    for (const Labelled* entry : same) {
      std::vector<std::string> parts;
      for (const auto& [key, value] : entry->settings) {
        if (values[key].size() > 1) parts.push_back(key + "=" + printable(value));
      }
      if (!parts.empty()) *entry->label += "{" + join(parts, ",") + "}";
    }
  }
}

void collect(ModelChoice& model, std::vector<Labelled>& models, std::vector<Labelled>& optimizers) {
  Json dump = dump_model(model);
  dump.erase("optimizers");  // They have labels of their own.
  models.push_back(labelled(model.label, dump));
  // Whether there is a start at all is a difference too.
  const auto start = std::ranges::find(model.needs, kStartRole, &NeededChoice::role);
  models.back().settings[kStartRole] = start == model.needs.end() ? "none" : start->model.label;
  for (OptimizerChoice& optimizer : model.optimizers) {
    optimizers.push_back(labelled(optimizer.label, dump_optimizer(optimizer)));
  }
  for (NeededChoice& needed : model.needs) {
    optimizers.push_back(labelled(needed.optimizer.label, dump_optimizer(needed.optimizer)));
    collect(needed.model, models, optimizers);
  }
}

}  // namespace

void label_datasets(std::vector<Choice>& datasets) {
  std::vector<Labelled> entries;
  for (Choice& dataset : datasets) entries.push_back(labelled(dataset.label, dataset.spec));
  distinguish(std::move(entries));
}

void label_models(std::vector<ModelChoice>& models, std::vector<OptimizerChoice>& optimizers) {
  std::vector<Labelled> of_models, of_optimizers;
  for (OptimizerChoice& optimizer : optimizers) {
    of_optimizers.push_back(labelled(optimizer.label, dump_optimizer(optimizer)));
  }
  for (ModelChoice& model : models) collect(model, of_models, of_optimizers);
  distinguish(std::move(of_models));
  distinguish(std::move(of_optimizers));
}

}  // namespace seqsweep
