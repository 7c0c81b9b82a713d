// From a sweep file to its runs. Pure: reads no data and trains nothing; what a sweep may name
// comes in through the Catalog. The same file gives the same runs in the same order with the same
// ids.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/sweep_entries.h"

namespace seqsweep {

// Early stopping across runs; see pruner.h.
struct PruneConfig {
  std::string metric = "ndcg@10";
  double keep = 0.5;
  std::vector<int64_t> rungs;

  void fields(auto&& field) {
    field("metric", metric, "validation metric that decides, the higher the better");
    field("keep", keep, "share of the runs that goes on at a rung", between(0, 1));
    field("rungs", rungs, "epochs after which runs are compared, ascending", at_least(1));
  }
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
  std::optional<PruneConfig> prune;
  int64_t ranks_per_gpu = 1;  // That train on it at once; no part of a run, as what it is stays.
  std::optional<std::string> data_dir;
};

struct SweepRun {
  std::string run_id;  // config_hash(config.json())
  RunConfig config;
  std::string label;               // "ml-100k/sasrec/adam/seed 1"
  std::vector<std::string> needs;  // Ids of the runs whose trained models it needs.
  int64_t priority = 0;            // Of the model's entry; of what needs it, if that is higher.
};

// Every error (Fault::Input) names file, line, column and key, what is valid and what came.
SweepConfig read_sweep(const Value& file, const Catalog& catalog);

// In grid order: data set, model, optimizer, seed; a run that others need comes before them, and
// once. Two entries that give the same run are an error.
std::vector<SweepRun> expand(const SweepConfig& sweep);

// The sweep with every default written out; read again, it gives the same runs.
Json resolved(const SweepConfig& sweep);

}  // namespace seqsweep
