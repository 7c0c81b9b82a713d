#include "tools/report/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/base/text.h"

namespace seqsweep {
namespace {

using Setting = std::pair<std::string, std::string>;  // The part it belongs to, its name there.

struct FlatConfig {
  // "" is the config itself, "optimizer usgm" and "train." are in it.
  std::set<std::string> parts = {""};
  std::map<Setting, std::string> labels;  // "lr=0.01", or "usgm" where a part is named.
};

// "constant" alone would not say what is.
std::string name_label(const std::string& part, const std::string& name) {
  return part == "batch_schedule" ? name + " batch" : name;
}

// `path`: what people are told before a setting's name, "train." or "start." (of needs.start).
void flatten(const Json& config, const std::string& part, const std::string& path,
             FlatConfig& flat) {
  flat.parts.insert(part);
  for (const auto& [key, value] : config.items()) {
    const std::string name = path + key;
    if (value.is_object() && value.contains("name")) {
      const std::string chosen = value_text(value["name"]);
      flat.labels[{part, name}] = path + name_label(key, chosen);
      Json settings = value;
      settings.erase("name");
      flatten(settings, part + name + " " + chosen, part.empty() ? "" : path, flat);
    } else if (value.is_object() && !value.empty()) {
      flat.labels[{part, name}] = "with " + name;
      flatten(value, part + name + ".", key == "needs" ? path : name + ".", flat);
    } else {
      flat.labels[{part, name}] = value.is_null() ? "no " + name : name + "=" + setting_text(value);
    }
  }
}

// What the configs that have a setting's part say about it; one that does not say has "".
std::map<Setting, std::set<std::string>> opinions(const std::vector<FlatConfig>& configs) {
  std::map<Setting, std::set<std::string>> said;
  for (const FlatConfig& config : configs) {
    for (const auto& [setting, label] : config.labels) said[setting].insert(label);
  }
  for (const FlatConfig& config : configs) {
    for (auto& [setting, labels] : said) {
      if (config.parts.contains(setting.first) && !config.labels.contains(setting)) {
        labels.insert("");
      }
    }
  }
  return said;
}

bool is_of(const Setting& setting, const std::vector<std::string>& sections) {
  const auto& [part, name] = setting;
  return std::ranges::any_of(sections, [&](const std::string& section) {
    return part.starts_with(section + ".") || (part.empty() && name == section);
  });
}

std::vector<std::string> texts_of(const std::vector<FlatConfig>& configs,
                                  const std::set<Setting>& told) {
  std::vector<std::string> texts;
  for (const FlatConfig& config : configs) {
    std::vector<std::string> parts;
    for (const auto& [setting, label] : config.labels) {
      if (told.contains(setting)) parts.push_back(label);
    }
    texts.push_back(join(parts, ", "));
  }
  return texts;
}

size_t distinct(const std::vector<std::string>& texts) {
  return std::set<std::string>(texts.begin(), texts.end()).size();
}

}  // namespace

std::string setting_text(const Json& value) {
  return value.is_number_float() ? fmt::format("{}", value.get<double>()) : value_text(value);
}

std::vector<std::string> differences(const std::vector<Json>& configs,
                                     const std::vector<std::string>& sections) {
  std::vector<FlatConfig> flat(configs.size());
  for (size_t i = 0; i < configs.size(); ++i) flatten(configs[i], "", "", flat[i]);
  std::set<Setting> told, more;
  for (const auto& [setting, labels] : opinions(flat)) {
    if (labels.size() > 1) (is_of(setting, sections) ? more : told).insert(setting);
  }
  std::vector<std::string> texts = texts_of(flat, told);
  while (distinct(texts) < texts.size()) {
    // The one next that tells most.
    size_t most = distinct(texts);
    const Setting* best = nullptr;
    for (const Setting& setting : more) {
      std::set<Setting> with = told;
      with.insert(setting);
      const size_t now = distinct(texts_of(flat, with));
      if (now <= most) continue;
      most = now;
      best = &setting;
    }
    if (best == nullptr) break;
    told.insert(*best);
    texts = texts_of(flat, told);
  }
  return texts;
}

}  // namespace seqsweep
