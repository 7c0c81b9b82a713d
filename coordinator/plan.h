// From a sweep file to its runs. Pure: reads no data and trains nothing; what a sweep may name
// comes in through the Catalog. The same file gives the same runs in the same order with the same
// ids.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/registry.h"
#include "core/protocol/run_config.h"

namespace seqsweep {

// One entry of a list of the sweep file.
struct Choice {
  Json spec;          // {"name": ..., every setting}, or a seed.
  std::string label;  // Unlike every other label of its list.
  Position at;
};

struct ModelChoice : Choice {
  Json objective;     // The model's own one when the entry names none.
  TrainConfig train;  // The sweep's, with what the entry overrides.
  EvaluateConfig evaluate;
};

struct OptimizerChoice : Choice {
  Json batch_schedule;
};

struct SweepConfig {
  std::string name;  // A safe file name.
  std::vector<Choice> datasets;
  std::vector<ModelChoice> models;
  std::vector<OptimizerChoice> optimizers;
  std::vector<Choice> seeds;
  TrainConfig train;
  EvaluateConfig evaluate;
  LatencyConfig latency;
  std::optional<std::string> data_dir;
};

struct SweepRun {
  std::string run_id;  // config_hash(config.json())
  RunConfig config;
  std::string label;  // "ml-100k/sasrec/adam/seed 1"
};

// Every error (Fault::Input) names file, line, column and key, what is valid and what came.
SweepConfig read_sweep(const Value& file, const Catalog& catalog);

// In grid order: data set, model, optimizer, seed. Two entries that give the same run are an error.
std::vector<SweepRun> expand(const SweepConfig& sweep);

// The sweep with every default written out; read again, it gives the same runs.
Json resolved(const SweepConfig& sweep);

}  // namespace seqsweep
