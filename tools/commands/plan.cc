// seqsweep plan: the runs of a sweep file and what each will need, without training any.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/text.h"
#include "db/queries.h"
#include "tools/commands/commands.h"
#include "tools/commands/sweep_job.h"
#include "worker/build_run.h"

namespace seqsweep {
namespace {

struct Options {
  std::string file, database, data_dir;
  std::vector<std::string> overrides;
  bool resolved = false, json = false;
};

struct Row {
  const SweepRun* run = nullptr;
  std::string status = "pending";
  ParameterCount parameters;
  double memory_bytes = 0;
  std::optional<double> seconds;       // Of done runs that train the same; nothing: none is known.
  std::vector<std::string> waits_for;  // Runs that it needs and that are not done.
};

// Values, gradients, the best values and two moments of an Adam-like optimizer in float32, beside
// what a process holds before it trains.
constexpr double kBytesPerParameter = 5 * 4;
constexpr double kProcessBytes = 350e6;

// Everything that decides how long a run takes, but the seed.
std::string kind_of(const Json& config) {
  return without_keys(config, {"seed"}).dump();
}

struct History {
  std::map<std::string, std::string> status;           // By run id.
  std::map<std::string, std::vector<double>> train_s;  // By kind.
};

History read_history(const std::string& path) {
  History history;
  if (path.empty() || !std::filesystem::exists(path)) return history;
  Database database = Database::open_for_reading(path);
  for (const ResultRow& row : read_results(database)) {
    history.status[row.run_id] = row.status;
    if (row.status == "done")
      history.train_s[kind_of(Json::parse(row.config))].push_back(row.train_s);
  }
  return history;
}

std::vector<std::string> not_done(const std::vector<std::string>& runs, const History& history) {
  std::vector<std::string> left;
  for (const std::string& run_id : runs) {
    const auto known = history.status.find(run_id);
    if (known == history.status.end() || known->second != "done") left.push_back(run_id);
  }
  return left;
}

std::vector<Row> rows_of(const std::vector<SweepRun>& runs, const std::filesystem::path& data_dir,
                         const History& history) {
  std::vector<Row> rows;
  std::map<std::string, ParameterCount> counted;  // A model is built once a data set.
  for (const SweepRun& run : runs) {
    Row row{.run = &run, .waits_for = not_done(run.needs, history)};
    const std::string built = run.config.dataset.dump() + run.config.model.dump();
    if (!counted.contains(built)) {
      BuiltRun instance = build_run(run.config, {.data_dir = data_dir}, c10::Device(c10::kCPU));
      counted[built] = count_parameters(*instance.task);
    }
    row.parameters = counted[built];
    row.memory_bytes = kProcessBytes + kBytesPerParameter * static_cast<double>(row.parameters.all);
    if (const auto found = history.status.find(run.run_id); found != history.status.end()) {
      row.status = found->second;
    }
    if (const auto known = history.train_s.find(kind_of(run.config.json()));
        known != history.train_s.end()) {
      std::vector<double> times = known->second;
      std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2),
                       times.end());
      row.seconds = times[times.size() / 2];
    }
    rows.push_back(row);
  }
  return rows;
}

void print_text(const SweepConfig& sweep, const std::vector<Row>& rows) {
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.run->label.size());
  fmt::print("sweep {}: {} runs\n\n", sweep.name, rows.size());
  fmt::print("{:<16}  {:<{}}  {:>5}  {:>12}  {:>9}  {:>12}  {}\n", "run", "config", width, "ranks",
             "parameters", "memory", "training", "status");
  double known = 0;
  size_t unknown = 0;
  for (const Row& row : rows) {
    fmt::print("{:<16}  {:<{}}  {:>5}  {:>12}  {:>9}  {:>12}  {}\n", row.run->run_id,
               row.run->label, width, row.run->config.train.ranks, human_count(row.parameters.all),
               human_bytes(static_cast<uint64_t>(row.memory_bytes)),
               row.seconds ? human_duration(*row.seconds) : "unknown",
               row.waits_for.empty()
                   ? row.status
                   : fmt::format("{}, waits for {}", row.status, join(row.waits_for, ", ")));
    if (row.status == "done") continue;
    if (row.seconds) {
      known += *row.seconds * static_cast<double>(row.run->config.train.ranks);
    } else {
      ++unknown;
    }
  }
  fmt::print("\nleft to train: {} of worker time", human_duration(known));
  if (unknown > 0) {
    fmt::print(", and {} runs of unknown length (known once one of their kind is done: --db)",
               unknown);
  }
  fmt::print("\nA run of k ranks needs k workers at once; the first rank of mpirun coordinates.\n");
}

void print_json(const SweepConfig& sweep, const std::vector<Row>& rows) {
  Json runs = Json::array();
  for (const Row& row : rows) {
    runs.push_back({{"run_id", row.run->run_id},
                    {"label", row.run->label},
                    {"ranks", row.run->config.train.ranks},
                    {"params", row.parameters.all},
                    {"params_no_embedding", row.parameters.no_embedding},
                    {"memory_bytes", row.memory_bytes},
                    {"train_s", row.seconds ? Json(*row.seconds) : Json(nullptr)},
                    {"status", row.status},
                    {"needs", row.run->needs},
                    {"config", row.run->config.json()}});
  }
  fmt::print("{}\n", Json{{"sweep", sweep.name}, {"runs", runs}}.dump(2));
}

int plan(const Options& options) {
  const SweepJob job{[&] { return read_sweep_file(options.file, options.overrides); },
                     options.database, options.data_dir};
  const SweepConfig sweep = read_sweep(job.document(), catalog());
  if (options.resolved) {
    fmt::print("{}\n", resolved(sweep).dump(2));
    return kExitDone;
  }
  const std::vector<SweepRun> runs = expand(sweep);
  const std::vector<Row> rows =
      rows_of(runs, data_dir_of(job, sweep), read_history(options.database));
  options.json ? print_json(sweep, rows) : print_text(sweep, rows);
  return kExitDone;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("plan", "What a sweep file would train; trains nothing");
  auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "sweep file (YAML)")->required();
  command->add_option("OVERRIDES", options->overrides, "key=value, as in train.epochs=5");
  command->add_option("--db", options->database, "a database with done runs, for status and times");
  command->add_option("--data-dir", options->data_dir,
                      "raw and cached data sets [SEQSWEEP_DATA or data]");
  command->add_flag("--resolved", options->resolved, "the file with every default, as JSON");
  command->add_flag("--json", options->json, "JSON instead of text");
  command->footer("Example:\n  seqsweep plan experiments/quickstart.yaml --db results.db");
  command->callback([&action, options] { action = [options] { return plan(*options); }; });
}

}  // namespace seqsweep
