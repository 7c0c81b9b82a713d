// What a sweep file may name. A component registers itself with one line at the end of its file:
//
//   const RegisterModel<MineConfig> kMine{"mine", "what it is, from which paper", "next_item",
//   make};
//
// ComponentIndex is the part that the coordinator needs (names, settings, defaults); Registry adds
// what makes the component. Registration happens before main; afterwards any thread may read.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/config.h"

namespace seqsweep {

class ComponentIndex {
 public:
  struct Entry {
    std::string name, summary;
    std::function<Json(const Value&, const std::string& path)> resolve;  // All settings, checked.
    std::function<std::vector<FieldDoc>()> describe;
    Json traits = Json::object();  // What the planner must know: {"objective": "next_item"}.
  };

  explicit ComponentIndex(std::string kind) : kind_(std::move(kind)) {}

  // A name registered twice is a bug of the program.
  void add(Entry entry);

  // Throws Error (Fault::Input) that lists the known names and the nearest one.
  const Entry& find(const std::string& name, const Position& at) const;
  std::vector<std::string> names() const;
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;  // "model", "dataset", ...
  std::map<std::string, Entry> entries_;
};

// Everything that a sweep file may name.
struct Catalog {
  const ComponentIndex& models;
  const ComponentIndex& datasets;
  const ComponentIndex& optimizers;
  const ComponentIndex& objectives;
  const ComponentIndex& batch_schedules;
};

// Made from a config and a context: Made make(const Config&, Context).
template <typename Made, typename Context>
class Registry : public ComponentIndex {
 public:
  using ComponentIndex::ComponentIndex;

  template <ConfigStruct Config>
  void add(std::string name, std::string summary, Made (*make)(const Config&, Context),
           Json traits = Json::object()) {
    makers_[name] = [make](const Value& settings, const std::string& path, Context context) {
      return make(read_config<Config>(settings, path), context);
    };
    ComponentIndex::add({.name = std::move(name),
                         .summary = std::move(summary),
                         .resolve =
                             [](const Value& settings, const std::string& path) {
                               return to_json(read_config<Config>(settings, path));
                             },
                         .describe = [] { return seqsweep::describe<Config>(); },
                         .traits = std::move(traits)});
  }

  // `spec` is a resolved component of a run's config: {"name": ..., settings}.
  Made make(const Json& spec, Context context) const {
    const std::string name = spec.at("name").template get<std::string>();
    find(name, Position{"run config"});
    Json settings = spec;
    settings.erase("name");
    return makers_.at(name)(parse_yaml(settings.dump(), "run config"), kind() + " " + name,
                            context);
  }

 private:
  using Maker = std::function<Made(const Value&, const std::string&, Context)>;
  std::map<std::string, Maker> makers_;
};

}  // namespace seqsweep
