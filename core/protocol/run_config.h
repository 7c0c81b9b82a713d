// The config of one run, as a worker gets it: what is trained on what, how, and what is measured.
// Its canonical JSON is hashed into the run's id, so a change of a default makes a new run.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "core/base/config.h"

namespace seqsweep {

enum class DeviceChoice { Auto, Cpu, Cuda };
constexpr std::array<std::pair<DeviceChoice, const char*>, 3> enum_names(DeviceChoice) {
  return {{{DeviceChoice::Auto, "auto"}, {DeviceChoice::Cpu, "cpu"}, {DeviceChoice::Cuda, "cuda"}}};
}

struct TrainConfig {
  int64_t batch_size = 128;
  int64_t microbatches = 1;
  int64_t epochs = 100;
  int64_t patience = 10;
  int64_t evaluate_every = 1;
  int64_t ranks = 1;
  int64_t threads = 0;
  DeviceChoice device = DeviceChoice::Auto;
  double grad_norm_max = 0;
  double checkpoint_s = 30;
  int64_t log_every = 10;

  void fields(auto&& field) {
    field("batch_size", batch_size, "examples of a microbatch (B_0)", at_least(1));
    field("microbatches", microbatches, "microbatches of a step before any adaptation",
          at_least(1));
    field("epochs", epochs, "most epochs; 0 evaluates the untrained model", at_least(0));
    field("patience", patience,
          "evaluations without a better validation NDCG before training stops; 0: never",
          at_least(0));
    field("evaluate_every", evaluate_every, "epochs between validations", at_least(1));
    field("ranks", ranks, "workers that train one run together", at_least(1));
    field("threads", threads, "threads a rank; 0: its share of the machine", at_least(0));
    field("device", device, "where to train; cuda without a GPU is an error");
    field("grad_norm_max", grad_norm_max, "longer gradients are scaled to this norm; 0: never",
          at_least(0));
    field("checkpoint_s", checkpoint_s, "most seconds of training between checkpoints", above(0));
    field("log_every", log_every,
          "steps between rows of the table steps; with a batch schedule that observes every step "
          "is one",
          at_least(1));
  }
};

struct EvaluateConfig {
  std::vector<int64_t> cutoffs = {10};
  int64_t batch_size = 256;

  void fields(auto&& field) {
    field("cutoffs", cutoffs, "k of HIT@k, NDCG@k, MRR@k; the first one steers early stopping",
          at_least(1));
    field("batch_size", batch_size, "users ranked at once", at_least(1));
  }
};

struct LatencyConfig {
  int64_t samples = 30;
  int64_t users = 1500;
  int64_t batch_size = 1;
  int64_t top_k = 10;
  int64_t warm_up = 50;
  bool alone = true;

  void fields(auto&& field) {
    field("samples", samples, "bootstrap samples; 0 measures no latency", at_least(0));
    field("users", users, "users a sample, drawn with replacement", at_least(1));
    field("batch_size", batch_size, "users of one recommendation call", at_least(1));
    field("top_k", top_k, "items of a recommendation", at_least(1));
    field("warm_up", warm_up, "calls before the first measured one", at_least(0));
    field("alone", alone, "other workers of the host pause while it is measured, by one rank");
  }
};

// The role of the needed run whose trained parameters are the initial ones.
constexpr const char* kStartRole = "start";

// The first five are resolved components: {"name": ..., every setting}.
struct RunConfig {
  Json dataset, model, objective, optimizer, batch_schedule;
  int64_t seed = 1;
  TrainConfig train;
  EvaluateConfig evaluate;
  LatencyConfig latency;
  // Runs whose trained models this one needs: json() of each, by its role. Such a run's id is the
  // hash of that, so what a run stands on is part of its own identity.
  std::map<std::string, Json> needs;

  Json json() const;  // Canonical; hashed with config_hash().
  // Throw Error (Fault::Input) when it is none.
  static RunConfig from_json(const Json& json);
  static RunConfig parse(const std::string& text);
};

// A run's config as JSON without these keys, also in the configs of the runs that it needs: without
// "seed", runs that differ in nothing but their seeds are alike.
Json without_keys(Json config, std::initializer_list<const char*> keys);

}  // namespace seqsweep
