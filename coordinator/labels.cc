#include "coordinator/labels.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

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

// Which value each entry has, of settings that tell some of them apart; "": none.
using Values = std::map<std::string, std::vector<std::string>>;

Values telling_settings(const std::vector<const Labelled*>& entries) {
  Values values;
  for (size_t i = 0; i < entries.size(); ++i) {
    for (const auto& [key, value] : entries[i]->settings) {
      values.try_emplace(key, entries.size()).first->second[i] = value;
    }
  }
  std::erase_if(values, [](const auto& setting) {
    std::set<std::string> different(setting.second.begin(), setting.second.end());
    different.erase("");
    return different.size() < 2;
  });
  return values;
}

// What a reader looks for first: a component's name, then what lies least deep.
auto rank_of(const std::string& key) {
  const bool is_name = key.ends_with("name");
  return std::make_tuple(!is_name, std::ranges::count(key, '.'), key);
}

// As few settings as tell entries apart that differ: always the one next that tells most.
std::set<std::string> fewest_settings(const Values& values, size_t count) {
  std::set<std::string> chosen;
  std::vector<std::string> told(count);  // Entries with the same text are not yet told apart.
  const auto classes = [](const std::vector<std::string>& texts) {
    return std::set<std::string>(texts.begin(), texts.end()).size();
  };
  while (true) {
    const size_t told_apart = classes(told);
    size_t most = told_apart;
    std::string best;
    std::vector<std::string> best_told;
    for (const auto& [key, of_entries] : values) {
      std::vector<std::string> texts = told;
      for (size_t i = 0; i < count; ++i) texts[i] += "\n" + of_entries[i];
      const size_t now = classes(texts);
      if (now < most || now == told_apart) continue;
      if (now == most && rank_of(key) > rank_of(best)) continue;
      most = now;
      best = key;
      best_told = std::move(texts);
    }
    if (best.empty()) return chosen;
    chosen.insert(best);
    told = std::move(best_told);
  }
}

// `objective=orpo` for objective.name = "orpo".
std::string shown(const std::string& key, const std::string& value) {
  const std::string suffix = ".name";
  const bool is_name = key.ends_with(suffix);
  if (!is_name) return key + "=" + value;
  return key.substr(0, key.size() - suffix.size()) + "=" + value.substr(1, value.size() - 2);
}

void distinguish(std::vector<Labelled> entries) {
  std::map<std::string, std::vector<const Labelled*>> by_name;
  for (const Labelled& entry : entries) by_name[*entry.label].push_back(&entry);
  for (const auto& [name, same] : by_name) {
    const Values values = telling_settings(same);
    const std::set<std::string> chosen = fewest_settings(values, same.size());
    for (size_t i = 0; i < same.size(); ++i) {
      std::vector<std::string> parts;
      for (const std::string& key : chosen) {
        if (const std::string& value = values.at(key)[i]; !value.empty()) {
          parts.push_back(printable(shown(key, value)));
        }
      }
      if (!parts.empty()) *same[i]->label += fmt::format("{{{}}}", join(parts, ","));
    }
  }
}

void collect(ModelChoice& model, std::vector<Labelled>& models, std::vector<Labelled>& optimizers) {
  Json dump = dump_model(model);
  dump.erase("optimizers");  // They have labels of their own.
  dump.erase("priority");    // It makes no other run.
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
