#include "coordinator/plan.h"

#include <algorithm>
#include <functional>
#include <map>

#include "coordinator/labels.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kNameLengthMax = 64;
constexpr size_t kRunsMax = 100'000;  // More is a mistake in the grid.

// The file as it is written; its components are resolved afterwards.
struct SweepFile {
  std::string name;
  Value datasets, models, optimizers, seeds;
  TrainConfig train;
  EvaluateConfig evaluate;
  LatencyConfig latency;
  std::optional<PruneConfig> prune;
  int64_t ranks_per_gpu = SweepConfig{}.ranks_per_gpu;
  std::optional<std::string> data_dir;

  void fields(auto&& field) {
    field("name", name, "names the sweep and its files");
    field("datasets", datasets, "what is trained on");
    field("models", models, "what is trained");
    field("optimizers", optimizers, "what trains it");
    field("seeds", seeds, "random seeds, a run each");
    field("train", train, "how it is trained");
    field("evaluate", evaluate, "how it is ranked");
    field("latency", latency, "how recommendations are timed");
    field("prune", prune, "which runs are stopped early");
    field("ranks_per_gpu", ranks_per_gpu, "ranks that train on one GPU at once", at_least(1));
    field("data_dir", data_dir, "where raw and cached data sets lie");
  }
};

void require_safe_name(const std::string& name, const Value& file) {
  const Value* found = file.find("name");
  if (!found) throw_input("{}: 'name' is missing: give the sweep one", file.position().origin);
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kNameLengthMax || name[0] == '.' || name[0] == '-' ||
      !std::all_of(name.begin(), name.end(), safe)) {
    throw_input(
        "{}: name: must be a file name of 1 to {} letters, digits, '.', '_' or '-' that starts "
        "with none of '.', '-'; got '{}'",
        found->position().text(), kNameLengthMax, printable(name));
  }
}

const std::vector<Value>& entries_of(const Value& list, const Value& file, const std::string& key,
                                     const std::string& valid) {
  if (!file.find(key)) {
    throw_input("{}: '{}' is missing: a list of {}", file.position().origin, key, valid);
  }
  if (!list.is_list()) config_detail::throw_wrong_type(list, key, "a list");
  if (list.items().empty()) {
    throw_input("{}: {}: the list is empty; valid is a list of {}", list.position().text(), key,
                valid);
  }
  return list.items();
}

std::string known(const ComponentIndex& index) {
  return fmt::format("{}s (known: {})", index.kind(), join(index.names(), ", "));
}

std::vector<OptimizerChoice> read_optimizers(const Value& list, const Value& file,
                                             const Catalog& catalog) {
  if (!file.find("optimizers")) return {default_optimizer(file.position(), "optimizers", catalog)};
  std::vector<OptimizerChoice> choices;
  for (const Value& entry : entries_of(list, file, "optimizers", known(catalog.optimizers))) {
    choices.push_back(read_optimizer(entry, fmt::format("optimizers.{}", choices.size()), catalog));
  }
  return choices;
}

std::vector<Choice> read_choices(const Value& list, const Value& file, const std::string& key,
                                 const ComponentIndex& index) {
  std::vector<Choice> choices;
  for (const Value& entry : entries_of(list, file, key, known(index))) {
    choices.push_back(read_choice(entry, fmt::format("{}.{}", key, choices.size()), index));
  }
  return choices;
}

std::vector<Choice> read_seeds(const Value& list, const Value& file) {
  if (!file.find("seeds")) return {{1, "seed 1", file.position()}};
  std::vector<Choice> seeds;
  for (const Value& entry : entries_of(list, file, "seeds", "integers at least 0")) {
    int64_t seed = 0;
    read_field(entry, fmt::format("seeds.{}", seeds.size()), seed, at_least(0));
    seeds.push_back({seed, fmt::format("seed {}", seed), entry.position()});
  }
  return seeds;
}

void require_rungs(const PruneConfig& prune, const Value& at) {
  const bool ascends =
      std::ranges::adjacent_find(prune.rungs, std::greater_equal()) == prune.rungs.end();
  if (prune.rungs.empty() || !ascends) {
    throw_input("{}: prune.rungs: must be a list of epochs, each more than the one before",
                at.position().text());
  }
}

// The entries that one run is made of.
struct Cell {
  const Choice* parts[4];
};

[[noreturn]] void throw_same_run(const Cell& first, const Cell& second, const std::string& label) {
  std::vector<std::string> places;
  for (size_t i = 0; i < std::size(first.parts); ++i) {
    if (first.parts[i] == second.parts[i]) continue;
    places.push_back(
        fmt::format("{} and {}", first.parts[i]->at.text(), second.parts[i]->at.text()));
  }
  throw_input("{}: two entries give the same run ({}): remove one", join(places, ", "), label);
}

// The runs of a sweep, each once: a run that is needed several times, or that the grid has too.
class Grid {
 public:
  explicit Grid(const SweepConfig& sweep) : sweep_(sweep) {}

  void add(const Choice& dataset, const ModelChoice& model, const OptimizerChoice& optimizer,
           const Choice& seed) {
    const SweepRun& run = runs_[place(dataset, model, optimizer, seed, model.priority)];
    const Cell cell{{&dataset, &model, &optimizer, &seed}};
    const auto [first, is_new] = cells_.emplace(run.run_id, cell);
    if (!is_new) throw_same_run(first->second, cell, run.label);
  }

  std::vector<SweepRun> runs() && { return std::move(runs_); }

 private:
  // Where the run stands; behind those that it needs.
  size_t place(const Choice& dataset, const ModelChoice& model, const OptimizerChoice& optimizer,
               const Choice& seed, int64_t priority) {
    SweepRun run{.config = {.dataset = dataset.spec,
                            .model = model.spec,
                            .objective = model.objective,
                            .optimizer = optimizer.spec,
                            .batch_schedule = optimizer.batch_schedule,
                            .seed = seed.spec.get<int64_t>(),
                            .train = model.train,
                            .evaluate = model.evaluate,
                            .latency = sweep_.latency},
                 .label = fmt::format("{}/{}/{}/{}", dataset.label, model.label, optimizer.label,
                                      seed.label),
                 .priority = priority};
    for (const NeededChoice& needed : model.needs) {
      const SweepRun& other = runs_[place(dataset, needed.model, needed.optimizer, seed, priority)];
      run.config.needs[needed.role] = other.config.json();
      if (std::ranges::find(run.needs, other.run_id) == run.needs.end()) {
        run.needs.push_back(other.run_id);
      }
    }
    run.run_id = config_hash(run.config.json());
    const auto [at, is_new] = places_.emplace(run.run_id, runs_.size());
    if (is_new) runs_.push_back(std::move(run));
    SweepRun& placed = runs_[at->second];
    placed.priority = std::max(placed.priority, priority);
    return at->second;
  }

  const SweepConfig& sweep_;
  std::vector<SweepRun> runs_;
  std::map<std::string, size_t> places_;  // Of runs_, by id.
  std::map<std::string, Cell> cells_;     // Of the grid, by run id.
};

const std::vector<OptimizerChoice>& optimizers_of(const ModelChoice& model,
                                                  const SweepConfig& sweep) {
  return model.optimizers.empty() ? sweep.optimizers : model.optimizers;
}

}  // namespace

SweepConfig read_sweep(const Value& value, const Catalog& catalog) {
  const auto file = read_config<SweepFile>(value, "");
  require_safe_name(file.name, value);
  SweepConfig sweep{.name = file.name,
                    .datasets = read_choices(file.datasets, value, "datasets", catalog.datasets)};
  for (const Value& entry : entries_of(file.models, value, "models", known(catalog.models))) {
    const std::string path = fmt::format("models.{}", sweep.models.size());
    sweep.models.push_back(read_model(entry, path, {catalog, file.train, file.evaluate}));
  }
  sweep.optimizers = read_optimizers(file.optimizers, value, catalog);
  label_datasets(sweep.datasets);
  label_models(sweep.models, sweep.optimizers);
  sweep.seeds = read_seeds(file.seeds, value);
  sweep.train = file.train;
  sweep.evaluate = file.evaluate;
  sweep.latency = file.latency;
  sweep.prune = file.prune;
  if (sweep.prune) require_rungs(*sweep.prune, *value.find("prune"));
  sweep.ranks_per_gpu = file.ranks_per_gpu;
  sweep.data_dir = file.data_dir;
  return sweep;
}

std::vector<SweepRun> expand(const SweepConfig& sweep) {
  double cells = 0;
  for (const ModelChoice& model : sweep.models) {
    cells += double(sweep.datasets.size()) * double(optimizers_of(model, sweep).size()) *
             double(sweep.seeds.size());
  }
  if (cells > kRunsMax) {
    throw_input("sweep {}: the grid has {} runs, at most {} are valid: split it", sweep.name, cells,
                kRunsMax);
  }
  Grid grid(sweep);
  for (const Choice& dataset : sweep.datasets) {
    for (const ModelChoice& model : sweep.models) {
      for (const OptimizerChoice& optimizer : optimizers_of(model, sweep)) {
        for (const Choice& seed : sweep.seeds) grid.add(dataset, model, optimizer, seed);
      }
    }
  }
  return std::move(grid).runs();
}

Json resolved(const SweepConfig& sweep) {
  Json json = {{"name", sweep.name},
               {"train", to_json(sweep.train)},
               {"evaluate", to_json(sweep.evaluate)},
               {"latency", to_json(sweep.latency)},
               {"prune", to_json(sweep.prune)},
               {"ranks_per_gpu", sweep.ranks_per_gpu},
               {"data_dir", to_json(sweep.data_dir)}};
  for (const Choice& dataset : sweep.datasets) json["datasets"].push_back(dataset.spec);
  for (const ModelChoice& model : sweep.models) json["models"].push_back(dump_model(model));
  for (const OptimizerChoice& optimizer : sweep.optimizers) {
    json["optimizers"].push_back(dump_optimizer(optimizer));
  }
  for (const Choice& seed : sweep.seeds) json["seeds"].push_back(seed.spec);
  return json;
}

}  // namespace seqsweep
