// seqsweep plan: the runs of a sweep file and what each will need, without training any.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "coordinator/history.h"
#include "coordinator/run_queue.h"
#include "coordinator/simulator.h"
#include "core/base/text.h"
#include "db/queries.h"
#include "tools/commands/commands.h"
#include "tools/commands/sweep_job.h"
#include "worker/build_run.h"

namespace seqsweep {
namespace {

struct PlanOptions {
  std::string file, database, data_dir;
  std::vector<std::string> overrides;
  bool resolved = false, json = false;
  SimulatedCluster cluster{.ranks = 0};  // Of no ranks: nothing is simulated.
  double gpu_gb = 0;
};

struct PlanRow {
  const SweepRun* run = nullptr;
  std::string status = "pending";
  std::optional<ParameterCount> parameters;  // Nothing: what it needs is missing.
  double memory_bytes = 0;
  double seconds = 0;                  // How long it is likely to take.
  bool is_known = false;               // From runs that differ in the seed alone.
  std::vector<std::string> waits_for;  // Runs that it needs and that are not done.
};

// Of what is trained: values, gradients, the best values and two moments of an Adam-like optimizer
// in float32, beside what a process holds before it trains. Activations come on top.
constexpr double kBytesPerParameter = 5 * 4;
constexpr double kProcessBytes = 350e6;

// What a sweep would be refused for, each once and with the first that met it.
class Missing {
 public:
  void add(const std::string& who, const Error& error) {
    if (error.fault() != Fault::Input && error.fault() != Fault::World) throw error;
    const std::string what = error.what();
    if (!whats_.insert(what).second) return;
    lines_.push_back(what.starts_with(who + ": ") ? what : who + ": " + what);
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::set<std::string> whats_;
  std::vector<std::string> lines_;
};

struct PastRuns {
  std::map<std::string, std::string> status;  // By run id.
  Estimator estimator;
};

PastRuns read_history(const std::string& path, DatasetSizes sizes) {
  if (path.empty() || !std::filesystem::exists(path)) return {{}, Estimator(std::move(sizes))};
  Database database = Database::open_for_reading(path);
  PastRuns history{{}, learnt_estimator(database, std::move(sizes))};
  for (const ResultRow& row : read_results(database)) history.status[row.run_id] = row.status;
  return history;
}

std::vector<std::string> not_done(const std::vector<std::string>& runs, const PastRuns& history) {
  std::vector<std::string> left;
  for (const std::string& run_id : runs) {
    const auto known = history.status.find(run_id);
    if (known == history.status.end() || known->second != "done") left.push_back(run_id);
  }
  return left;
}

std::vector<PlanRow> rows_of(const std::vector<SweepRun>& runs,
                             const std::filesystem::path& data_dir, const PastRuns& history,
                             const DatasetSizes& sizes, Missing& missing) {
  std::vector<PlanRow> rows;
  // A model is built once a data set.
  std::map<std::string, std::optional<ParameterCount>> counted;
  for (const SweepRun& run : runs) {
    PlanRow row{.run = &run, .waits_for = not_done(run.needs, history)};
    const std::string built = run.config.dataset.dump() + run.config.model.dump();
    if (!counted.contains(built)) {
      counted[built] = std::nullopt;
      try {
        if (sizes.contains(run.config.dataset.dump())) {
          BuiltRun instance = build_run(run.config, {.data_dir = data_dir}, c10::Device(c10::kCPU));
          counted[built] = count_parameters(*instance.task);
        }
      } catch (const Error& error) {
        missing.add(run.label, error);
      } catch (const c10::Error& error) {
        missing.add(run.label, Error(Fault::Input, error.what_without_backtrace()));
      } catch (const std::bad_alloc&) {
        missing.add(run.label, Error(Fault::Input, "its model does not fit this machine's memory"));
      }
    }
    row.parameters = counted[built];
    if (row.parameters) {
      row.memory_bytes = kProcessBytes + static_cast<double>(row.parameters->fixed_bytes) +
                         kBytesPerParameter * static_cast<double>(row.parameters->trained);
    }
    if (const auto found = history.status.find(run.run_id); found != history.status.end()) {
      row.status = found->second;
    }
    const RunKind kind = history.estimator.kind_of(run.config);
    row.is_known = history.estimator.knows(kind);
    row.seconds = history.estimator.seconds(kind, "cpu");
    rows.push_back(row);
  }
  return rows;
}

void print_text(const SweepConfig& sweep, const std::vector<PlanRow>& rows) {
  size_t width = 0;
  for (const PlanRow& row : rows) width = std::max(width, row.run->label.size());
  fmt::print("sweep {}: {} runs\n\n", sweep.name, rows.size());
  fmt::print("{:<16}  {:<{}}  {:>5}  {:>12}  {:>9}  {:>12}  {}\n", "run", "config", width, "ranks",
             "parameters", "memory", "training", "status");
  double left_s = 0;
  bool guessed = false;
  for (const PlanRow& row : rows) {
    fmt::print("{:<16}  {:<{}}  {:>5}  {:>12}  {:>9}  {:>12}  {}\n", row.run->run_id,
               row.run->label, width, row.run->config.train.ranks,
               row.parameters ? human_count(row.parameters->all) : "?",
               row.parameters ? human_bytes(static_cast<uint64_t>(row.memory_bytes)) : "?",
               (row.is_known ? "" : "~ ") + human_duration(row.seconds),
               row.waits_for.empty()
                   ? row.status
                   : fmt::format("{}, waits for {}", row.status, join(row.waits_for, ", ")));
    if (row.status == "done") continue;
    left_s += row.seconds * static_cast<double>(row.run->config.train.ranks);
    guessed |= !row.is_known;
  }
  fmt::print("\nleft to train: {} of worker time\n", human_duration(left_s));
  if (guessed) {
    fmt::print("~: a guess, known once a run that differs in the seed alone is done (--db)\n");
  }
  fmt::print("A run of k ranks needs k workers at once; the first rank of mpirun coordinates.\n");
}

// The runs that are left on a virtual cluster, by the coordinator's own policy.
SimulatedSchedule play(const std::vector<PlanRow>& rows, const Estimator& estimator,
                       const SimulatedCluster& cluster) {
  std::vector<SweepRun> runs;
  std::vector<std::string> left;
  for (const PlanRow& row : rows) {
    runs.push_back(*row.run);
    if (row.status == "pending" || row.status == "running") left.push_back(row.run->run_id);
  }
  RunQueue queue(std::move(runs), {}, estimator);
  queue.set_device(cluster.gpus_per_host > 0 ? "cuda" : "cpu");
  std::map<std::string, int64_t> planned;
  for (const PlanRow& row : rows) {
    if (row.parameters) planned[row.run->run_id] = static_cast<int64_t>(row.memory_bytes);
  }
  queue.plan_memory(std::move(planned));
  std::vector<SimulatedRun> simulated;
  for (const std::string& run_id : left) {
    SimulatedRun run{.run = queue.waiting(run_id), .seconds = 0, .needs = {}};
    run.seconds = run.run.estimate_s;
    for (const std::string& needed : queue.run(run_id).needs) {
      if (std::ranges::find(left, needed) != left.end()) run.needs.push_back(needed);
    }
    simulated.push_back(std::move(run));
  }
  return simulate(simulated, cluster);
}

void print_simulation(const SimulatedSchedule& simulation, const std::vector<PlanRow>& rows,
                      const SimulatedCluster& cluster) {
  fmt::print(
      "\non {} workers{}: {} until the last run is done, {:.0f} % of their time used; no "
      "order is done before {}\n",
      cluster.ranks,
      simulation.capacity < cluster.ranks
          ? fmt::format(", of which ranks_per_gpu lets {} train at once", simulation.capacity)
          : "",
      human_duration(simulation.makespan_s), 100 * simulation.utilisation,
      human_duration(simulation.bound_s));
  if (cluster.failures_per_hour > 0) {
    fmt::print("{} attempts, {} of which failed\n", simulation.attempts, simulation.failures);
  }
  fmt::print("in this order:\n");
  constexpr size_t kLinesMax = 100;
  std::map<std::string, std::string> labels;
  for (const PlanRow& row : rows) labels[row.run->run_id] = row.run->label;
  for (size_t i = 0; i < std::min(simulation.order.size(), kLinesMax); ++i) {
    fmt::print("  {}  {}\n", simulation.order[i], labels[simulation.order[i]]);
  }
  if (simulation.order.size() > kLinesMax) {
    fmt::print("  and {} more\n", simulation.order.size() - kLinesMax);
  }
}

void print_json(const SweepConfig& sweep, const std::vector<PlanRow>& rows,
                const std::vector<std::string>& missing,
                const std::optional<SimulatedSchedule>& simulation) {
  Json runs = Json::array();
  for (const PlanRow& row : rows) {
    runs.push_back(
        {{"run_id", row.run->run_id},
         {"label", row.run->label},
         {"ranks", row.run->config.train.ranks},
         {"params", row.parameters ? Json(row.parameters->all) : Json()},
         {"params_no_embedding", row.parameters ? Json(row.parameters->no_embedding) : Json()},
         {"memory_bytes", row.parameters ? Json(row.memory_bytes) : Json()},
         {"seconds", row.seconds},
         {"seconds_known", row.is_known},
         {"status", row.status},
         {"needs", row.run->needs},
         {"config", row.run->config.json()}});
  }
  Json json = {{"sweep", sweep.name}, {"runs", runs}, {"missing", missing}};
  if (simulation) {
    json["simulation"] = {{"makespan_s", simulation->makespan_s},
                          {"bound_s", simulation->bound_s},
                          {"utilisation", simulation->utilisation},
                          {"attempts", simulation->attempts},
                          {"capacity", simulation->capacity},
                          {"failures", simulation->failures},
                          {"order", simulation->order}};
  }
  fmt::print("{}\n", json.dump(2));
}

int plan(const PlanOptions& options) {
  const SweepJob job{[&] { return read_sweep_file(options.file, options.overrides); },
                     options.database, options.data_dir};
  const SweepConfig sweep = read_sweep(job.document(), catalog());
  if (options.resolved) {
    fmt::print("{}\n", resolved(sweep).dump(2));
    return kExitDone;
  }
  const std::vector<SweepRun> runs = runs_of(sweep);
  const std::filesystem::path data_dir = data_dir_of(job, sweep);
  Missing missing;
  DatasetSizes sizes;
  for (const Choice& dataset : sweep.datasets) {
    try {
      sizes[dataset.spec.dump()] = prepare_dataset(dataset, data_dir);
    } catch (const Error& error) {
      missing.add(dataset.label, error);
    }
  }
  const PastRuns history = read_history(options.database, sizes);
  const std::vector<PlanRow> rows = rows_of(runs, data_dir, history, sizes, missing);
  std::optional<SimulatedSchedule> simulation;
  SimulatedCluster cluster = options.cluster;
  cluster.gpu_bytes = static_cast<int64_t>(1e9 * options.gpu_gb);
  cluster.ranks_per_gpu = sweep.ranks_per_gpu;
  if (cluster.ranks > 0) simulation = play(rows, history.estimator, cluster);
  if (options.json) {
    print_json(sweep, rows, missing.lines(), simulation);
  } else {
    print_text(sweep, rows);
    if (simulation) print_simulation(*simulation, rows, cluster);
  }
  std::fflush(stdout);
  for (const std::string& line : missing.lines())
    fmt::print(stderr, "missing: {}\n", printable(line));
  return missing.lines().empty() ? kExitDone : kExitBadInput;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("plan", "What a sweep file would train; trains nothing");
  auto options = std::make_shared<PlanOptions>();
  command->add_option("FILE", options->file, "sweep file (YAML)")->required();
  command->add_option("OVERRIDES", options->overrides, "key=value, as in train.epochs=5");
  command->add_option("--db", options->database, "a database with done runs, for status and times");
  command->add_option("--data-dir", options->data_dir,
                      "raw and cached data sets [SEQSWEEP_DATA or data]");
  command->add_flag("--resolved", options->resolved, "the file with every default, as JSON");
  command->add_flag("--json", options->json, "JSON instead of text");
  command
      ->add_option("--simulate", options->cluster.ranks,
                   "play the schedule on so many virtual workers")
      ->check(whole(1, 1'000'000));
  command
      ->add_option("--ranks-per-host", options->cluster.ranks_per_host,
                   "virtual workers a host [8]")
      ->check(whole(1, 1'000'000));
  command
      ->add_option("--gpus-per-host", options->cluster.gpus_per_host,
                   "GPUs that the workers of a host share, ranks_per_gpu at once on one [0]")
      ->check(whole(0, 1'000'000));
  command->add_option("--gpu-memory", options->gpu_gb, "GB of each; 0: it always suffices [0]")
      ->check(from_0_to(1e6));
  command
      ->add_option("--failures-per-hour", options->cluster.failures_per_hour,
                   "of a virtual worker [0]")
      ->check(from_0_to(1000));
  command->footer(
      "Examples:\n"
      "  seqsweep plan experiments/quickstart.yaml --db results.db\n"
      "  seqsweep plan my.yaml --db results.db --simulate 64 --failures-per-hour 0.01\n"
      "  seqsweep plan my.yaml --simulate 8 --gpus-per-host 2 --gpu-memory 80 ranks_per_gpu=4");
  command->callback([&action, options] { action = [options] { return plan(*options); }; });
}

}  // namespace seqsweep
