// seqsweep evaluate: what a trained model of a run's folder is worth.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/train/evaluation.h"
#include "tools/commands/commands.h"
#include "tools/commands/trained_model.h"

namespace seqsweep {
namespace {

struct EvaluateOptions : TrainedModelOptions {
  std::string split = "test";
  std::vector<int64_t> cutoffs;  // Empty: the usual ones that the model's lists have.
  bool exclude_seen = false;
};

std::vector<int64_t> cutoffs_for(const Task& task, const EvaluateOptions& options) {
  if (!options.cutoffs.empty()) {
    require_cutoffs(task, options.cutoffs);
    return options.cutoffs;
  }
  std::vector<int64_t> usual = {1, 5, 10, 20};
  std::erase_if(usual, [&](int64_t cutoff) { return cutoff > task.list_length(); });
  return usual;
}

std::vector<Metric> measure(const BuiltRun& run, const EvaluateOptions& options) {
  const std::vector<int64_t> cutoffs = cutoffs_for(*run.task, options);
  const Split split = options.split == "validation" ? Split::Validation : Split::Test;
  if (options.exclude_seen) {
    return ranking_metrics(
        ranks_among_unseen(*run.task, *run.data, split, std::ranges::max(cutoffs)), cutoffs);
  }
  std::vector<int64_t> users(static_cast<size_t>(run.data->users()));
  std::iota(users.begin(), users.end(), int64_t{0});
  return metrics_of(*run.task, split, run.task->target_ranks(users, split), cutoffs);
}

int evaluate(const EvaluateOptions& options) {
  const LoadedModel model = options.load();
  Json json = Json::object();
  for (const Metric& metric : measure(model.run, options)) {
    json[metric.name] = metric.value;
    if (!options.json) fmt::print("{:<19} {:.4f}\n", metric.name, metric.value);
  }
  if (options.json) fmt::print("{}\n", json.dump(2));
  return kExitDone;
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("evaluate", "Score a trained model on its data set");
  auto options = std::make_shared<EvaluateOptions>();
  options->add_to(*command);
  command->add_option("--split", options->split, "test or validation [test]")
      ->check(CLI::IsMember({"test", "validation"}));
  command->add_option("--cutoffs", options->cutoffs, "k of HIT@k, NDCG@k, MRR@k [1 5 10 20]")
      ->check(above_0());
  command->add_flag("--exclude-seen", options->exclude_seen,
                    "rank only what the history does not have; a sweep ranks all items");
  command->footer(
      "Examples:\n"
      "  seqsweep evaluate results.db.runs/0f3a... --cutoffs 10 50\n"
      "  seqsweep evaluate results.db.runs/0f3a... --cutoffs 10 --exclude-seen");
  command->callback([&action, options] { action = [options] { return evaluate(*options); }; });
}

}  // namespace seqsweep
