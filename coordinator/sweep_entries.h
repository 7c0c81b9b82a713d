// The entries of a sweep file's lists: a model with all that belongs to it, an optimizer with its
// batch schedule, a data set. Each is resolved against the catalog: every setting checked, every
// default written out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/registry.h"
#include "core/protocol/run_config.h"

namespace seqsweep {

// One entry of a list of the sweep file.
struct Choice {
  Json spec;          // {"name": ..., every setting}, or a seed.
  std::string label;  // Its name, and settings that tell it from others of that name.
  Position at;
};

struct OptimizerChoice : Choice {
  Json batch_schedule;
};

struct NeededChoice;

struct ModelChoice : Choice {
  Json objective;     // The model's own one when the entry names none.
  TrainConfig train;  // The sweep's, with what the entry overrides.
  EvaluateConfig evaluate;
  std::vector<OptimizerChoice> optimizers;  // Instead of the sweep's; none: the sweep's.
  int64_t priority = 0;                     // Its runs start before those of lower ones.
  std::vector<NeededChoice> needs;          // Of its objective, and the run that it starts from.
};

// A run whose trained model another one needs; on the same data set, from the same seed.
struct NeededChoice {
  std::string role;
  ModelChoice model;
  OptimizerChoice optimizer;
};

// What an entry need not say.
struct EntryContext {
  const Catalog& catalog;
  TrainConfig train;
  EvaluateConfig evaluate;
};

// Every error (Fault::Input) names file, line, column and key, what is valid and what came. `path`
// is the dotted name of the entry: "models.0".
Choice read_choice(const Value& entry, const std::string& path, const ComponentIndex& index);
ModelChoice read_model(const Value& entry, const std::string& path, const EntryContext& context);
OptimizerChoice read_optimizer(const Value& entry, const std::string& path, const Catalog& catalog);

// The optimizer that is used where none is named; an empty label: the catalog has no such one.
OptimizerChoice default_optimizer(const Position& at, const std::string& path,
                                  const Catalog& catalog);

// The entry with every default written out: read again, it gives the same choice.
Json dump_model(const ModelChoice& model);
Json dump_optimizer(const OptimizerChoice& optimizer);

}  // namespace seqsweep
