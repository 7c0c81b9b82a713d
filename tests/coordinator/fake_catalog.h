// Components of every kind for tests of the coordinator, which knows none of the real ones.
#pragma once

#include "core/base/registry.h"

namespace seqsweep {

struct FakeSettings {
  int64_t width = 8;
  double rate = 0.5;
  void fields(auto&& field) {
    field("width", width, "a width", at_least(1));
    field("rate", rate, "a rate", between(0, 1));
  }
};

class FakeCatalog {
 public:
  FakeCatalog() {
    add(models_, "deep", {{"objective", "guess"}});
    add(models_, "wide", {{"objective", "rank"}});
    add(datasets_, "films");
    add(datasets_, "books");
    add(optimizers_, "climb", {{"default", true}});
    add(optimizers_, "jump", {{"reports", {"slope"}}});
    add(objectives_, "guess");
    add(objectives_, "rank");
    add(objectives_, "pair", {{"needs", {{"scout", "wide"}}}});
    add(schedules_, "steady", {{"default", true}});
    add(schedules_, "bold", {{"needs", "slope"}, {"shorthand", "boldly"}});
  }
  Catalog get() const { return {models_, datasets_, optimizers_, objectives_, schedules_}; }

 private:
  static void add(ComponentIndex& index, const std::string& name, Json traits = Json::object()) {
    index.add({.name = name,
               .summary = "a fake",
               .resolve =
                   [](const Value& settings, const std::string& path) {
                     return to_json(read_config<FakeSettings>(settings, path));
                   },
               .describe = [] { return describe<FakeSettings>(); },
               .traits = std::move(traits)});
  }

  ComponentIndex models_{"model"}, datasets_{"dataset"}, optimizers_{"optimizer"},
      objectives_{"objective"}, schedules_{"batch_schedule"};
};

}  // namespace seqsweep
