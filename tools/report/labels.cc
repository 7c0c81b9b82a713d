#include "tools/report/labels.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "core/base/text.h"

namespace seqsweep {
namespace {

using Setting = std::pair<std::string, std::string>;  // The part it belongs to, its dotted name.

struct FlatConfig {
  std::set<std::string> parts = {""};     // "" is the config itself, "optimizer usgm" one in it.
  std::map<Setting, std::string> labels;  // "lr=0.01", or "usgm" where a part is named.
};

// "constant" alone would not say what is.
std::string name_label(const std::string& part, const std::string& name) {
  return part == "batch_schedule" ? name + " batch" : name;
}

void flatten(const Json& config, const std::string& part, const std::string& prefix,
             FlatConfig& flat) {
  for (const auto& [key, value] : config.items()) {
    const std::string name = prefix + key;
    if (value.is_object() && value.contains("name")) {
      const std::string chosen = value_text(value["name"]);
      const std::string inner = part + name + " " + chosen;
      flat.labels[{part, name}] = name_label(name, chosen);
      flat.parts.insert(inner);
      Json settings = value;
      settings.erase("name");
      flatten(settings, inner, "", flat);
    } else if (value.is_object()) {
      flatten(value, part, name + ".", flat);
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

}  // namespace

std::string setting_text(const Json& value) {
  return value.is_number_float() ? fmt::format("{}", value.get<double>()) : value_text(value);
}

std::vector<std::string> differences(const std::vector<Json>& configs) {
  std::vector<FlatConfig> flat(configs.size());
  for (size_t i = 0; i < configs.size(); ++i) flatten(configs[i], "", "", flat[i]);
  const auto said = opinions(flat);
  std::vector<std::string> texts;
  for (const FlatConfig& config : flat) {
    std::vector<std::string> parts;
    for (const auto& [setting, label] : config.labels) {
      if (said.at(setting).size() > 1) parts.push_back(label);
    }
    texts.push_back(join(parts, ", "));
  }
  return texts;
}

}  // namespace seqsweep
