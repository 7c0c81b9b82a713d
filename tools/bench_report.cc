// bench_report: a database as large as a paper's with many seeds, to time make_tables and the
// dashboard on. Figures are drawn at random; models differ.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/eval/metrics.h"
#include "db/run_store.h"

namespace {

using seqsweep::Json;

struct Options {
  std::string database;
  int64_t runs = 10'000, users = 6'000, latency_samples = 1'500, epochs = 20, steps = 0;
};

const std::vector<std::string> kDatasets = {"ml-100k", "ml-1m", "amazon-beauty-2023",
                                            "amazon-video-games-2023"};
const std::vector<std::string> kModels = {"sasrec",  "mamba4rec", "2mamba4rec", "hydra4rec",
                                          "lrurec",  "gpt4rec",   "mamrec",     "llamarec",
                                          "lightfm", "popularity"};
const std::vector<std::string> kOptimizers = {"adam", "adamw", "usgm", "paged_adamw", "sgd"};

Json config_of(int64_t index) {
  const auto pick = [&](const std::vector<std::string>& names) {
    const std::string name = names[static_cast<size_t>(index) % names.size()];
    index /= static_cast<int64_t>(names.size());
    return name;
  };
  const std::string dataset = pick(kDatasets), model = pick(kModels), optimizer = pick(kOptimizers);
  return {{"dataset", {{"name", dataset}, {"max_length", 50}, {"core", 5}}},
          {"model", {{"name", model}, {"width", 64}, {"layers", 2}, {"dropout", 0.2}}},
          {"objective", {{"name", "next_item"}}},
          {"optimizer", {{"name", optimizer}, {"lr", 0.001}, {"weight_decay", 0.0}}},
          {"batch_schedule", {{"name", "constant"}}},
          {"seed", index + 1},
          {"train", {{"batch_size", 128}, {"epochs", 100}, {"patience", 10}, {"ranks", 1}}}};
}

// Users' ranks get better with the model; every user has a difficulty that all runs share.
std::vector<int32_t> ranks_of(size_t users, int64_t index, seqsweep::Rng& rng) {
  const double skill = 0.25 + 0.02 * static_cast<double>(index / 4 % 50 % 10);
  std::vector<int32_t> ranks(users);
  for (size_t user = 0; user < users; ++user) {
    const bool easy = seqsweep::mix64(user) % 100 < 40;
    ranks[user] = easy && rng.uniform() < skill ? static_cast<int32_t>(rng.below(10))
                                                : static_cast<int32_t>(10 + rng.below(3000));
  }
  return ranks;
}

seqsweep::RunResult result_of(const Options& options, int64_t index) {
  seqsweep::Rng rng(static_cast<uint64_t>(index));
  seqsweep::RunResult result{.latency_ms = 0.1 * static_cast<double>(1 + index / 4 % 10),
                             .params = 320'000,
                             .params_no_embedding = 100'000,
                             .epochs = options.epochs,
                             .best_epoch = options.epochs,
                             .train_s = 60,
                             .device = "cpu",
                             .users = 6040,
                             .items = 3416,
                             .interactions = 999'611};
  result.user_ranks = ranks_of(static_cast<size_t>(options.users), index, rng);
  const std::vector<int64_t> cutoffs = {10};
  for (const auto& [name, value] : seqsweep::ranking_metrics(result.user_ranks, cutoffs)) {
    result.metrics.push_back({result.best_epoch, "test", name, value});
  }
  for (int64_t i = 0; i < options.latency_samples; ++i) {
    result.latency.push_back({result.latency_ms * (0.9 + 0.2 * rng.uniform()), {}});
  }
  result.latency_low_ms = 0.95 * result.latency_ms;
  result.latency_high_ms = 1.05 * result.latency_ms;
  return result;
}

seqsweep::Progress progress_of(const Options& options, const seqsweep::Ticket& ticket,
                               int64_t index) {
  seqsweep::Rng rng(static_cast<uint64_t>(index));
  seqsweep::Progress progress{.ticket = ticket,
                              .step = options.steps,
                              .epoch = options.epochs,
                              .epochs = options.epochs,
                              .fraction = 1,
                              .phase = "train"};
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    const double grown = 1 - std::exp(-static_cast<double>(epoch) / 5);
    progress.metrics.push_back({epoch, "validation", "ndcg@10", 0.1 * grown});
    progress.metrics.push_back({epoch, "train", "loss", 7 - 3 * grown});
  }
  for (int64_t step = 1; step <= options.steps; ++step) {
    const double at = static_cast<double>(step) / static_cast<double>(options.steps);
    progress.steps.push_back({.step = step,
                              .epoch_position = at * static_cast<double>(options.epochs),
                              .loss = 4 + 3 * std::exp(-5 * at) + 0.3 * rng.normal(),
                              .batch_size = 128 * (1 + step / 1000),
                              .microbatches = 1 + step / 1000,
                              .h = 1 + 10 * at,
                              .c1 = 0.5,
                              .c2 = 4 - at,
                              .learning_rate = 0.001});
  }
  return progress;
}

void make(const Options& options) {
  seqsweep::RunStore store(options.database);
  std::vector<seqsweep::PlannedRun> runs;
  for (int64_t i = 0; i < options.runs; ++i) {
    const Json config = config_of(i);
    runs.push_back({.run_id = seqsweep::config_hash(config), .config = config});
  }
  store.add_sweep("bench", "name: bench", runs);
  const seqsweep::AttemptPlace place{
      .worker = 1, .ranks = 1, .host = "here", .environment = R"({"git_commit":"none"})"};
  for (size_t i = 0; i < runs.size(); ++i) {
    const seqsweep::Ticket ticket = store.start_attempt(runs[i].run_id, place);
    store.store_progress(std::vector{progress_of(options, ticket, static_cast<int64_t>(i))});
    if (!store.finish(ticket, result_of(options, static_cast<int64_t>(i))))
      seqsweep::throw_world("bench_report: {} was not stored", runs[i].run_id);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes a large database with random figures, to time make_tables on.",
               "bench_report"};
  app.footer("Example:\n  bench_report large.db && time make_tables large.db --out large");
  Options options;
  app.add_option("DB", options.database, "database to make")->required();
  app.add_option("--runs", options.runs, "runs [10000]");
  app.add_option("--users", options.users, "test users of a run [6000]");
  app.add_option("--latency-samples", options.latency_samples, "of a run [1500]");
  app.add_option("--epochs", options.epochs, "with metrics, of a run [20]");
  app.add_option("--steps", options.steps, "with rows, of a run [0]");
  CLI11_PARSE(app, argc, argv);
  try {
    make(options);
    return seqsweep::kExitDone;
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "bench_report: {}\n", error.what());
    return error.exit_code();
  }
}
