// seqsweep train: one run, without writing a sweep file: a sweep of one.
#include <fmt/format.h>

#include "db/queries.h"
#include "tools/commands/commands.h"
#include "tools/commands/places.h"
#include "tools/commands/sweep_job.h"

namespace seqsweep {
namespace {

struct TrainOptions {
  std::string dataset, model, optimizer = "adam", database = "train.db", data_dir;
  int64_t seed = 1;
  std::vector<std::string> overrides;
};

// A component with settings that overrides can reach: {name: ...}.
Value list_of(const std::string& name) {
  return parse_yaml(fmt::format("[{{name: {}}}]", Json(name).dump()), "command line");
}

Value document_of(const TrainOptions& options) {
  Value document = Value::map(Position{"command line"});
  document.set("name", Value::scalar("train", Position{"command line"}));
  document.set("datasets", list_of(options.dataset));
  document.set("models", list_of(options.model));
  document.set("optimizers", list_of(options.optimizer));
  document.set("seeds", parse_yaml(fmt::format("[{}]", options.seed), "command line"));
  // dataset.x=1, model.x=1 and optimizer.x=1 mean the settings of the one entry.
  for (std::string assignment : options.overrides) {
    for (const char* part : {"dataset", "model", "optimizer"}) {
      const std::string prefix = std::string(part) + ".";
      if (assignment.starts_with(prefix)) {
        assignment = fmt::format("{}s.0.{}", part, assignment.substr(prefix.size()));
        break;
      }
    }
    apply_override(document, assignment);
  }
  return document;
}

int train(const TrainOptions& options) {
  const SweepJob job{[&] { return document_of(options); }, options.database, options.data_dir};
  const std::string run_id = expand(read_sweep(job.document(), catalog()))
                                 .back()
                                 .run_id;  // Last: behind those that it needs.
  const SweepEnd end = run_sweep(job);
  if (!end.coordinated) return end.code;
  Database database = Database::open_for_reading(options.database);
  for (const ResultRow& row : read_results(database)) {
    if (row.run_id != run_id || row.status != "done") continue;
    fmt::print("HIT@10 {:.4f}  NDCG@10 {:.4f}  MRR@10 {:.4f}  epochs {}  train {:.1f} s\n{}\n",
               row.hit_10, row.ndcg_10, row.mrr_10, row.epochs, row.train_s,
               (folder_of_runs(options.database) / run_id).string());
  }
  return end.code;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("train", "Train one model on one data set");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("DATASET", options->dataset, "a data set: seqsweep list datasets")
      ->required();
  command->add_option("MODEL", options->model, "a model: seqsweep list models")->required();
  command->add_option("OVERRIDES", options->overrides, "key=value: model.width=32, train.epochs=5");
  command->add_option("--optimizer", options->optimizer, "an optimizer [adam]");
  command->add_option("--seed", options->seed, "seed of initialisation, order and dropout [1]")
      ->check(whole(0, INT64_MAX));
  command->add_option("--db", options->database, "results database [train.db]");
  command->add_option("--data-dir", options->data_dir,
                      "raw and cached data sets [SEQSWEEP_DATA or data]");
  command->footer("Example:\n  seqsweep train ml-100k sasrec model.width=32 optimizer.lr=0.003");
  command->callback([&action, options] { action = [options] { return train(*options); }; });
}

}  // namespace seqsweep
