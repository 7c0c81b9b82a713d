// seqsweep evaluate: what a trained model of a run's folder is worth.
#include <fmt/format.h>

#include <numeric>

#include "core/train/evaluation.h"
#include "tools/commands/commands.h"
#include "tools/commands/trained_model.h"

namespace seqsweep {
namespace {

struct EvaluateOptions : TrainedModelOptions {
  std::string split = "test";
  std::vector<int64_t> cutoffs;  // Empty: the usual ones that the model's lists have.
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

int evaluate(const EvaluateOptions& options) {
  LoadedModel model = options.load();
  const std::vector<int64_t> cutoffs = cutoffs_for(*model.run.task, options);
  const Split split = options.split == "validation" ? Split::Validation : Split::Test;
  std::vector<int64_t> users(static_cast<size_t>(model.run.data->users()));
  std::iota(users.begin(), users.end(), int64_t{0});
  const std::vector<int32_t> ranks = model.run.task->target_ranks(users, split);
  Json json = Json::object();
  for (const Metric& metric : metrics_of(*model.run.task, split, ranks, cutoffs)) {
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
  command->footer("Example:\n  seqsweep evaluate results.db.runs/0f3a... --cutoffs 10 50");
  command->callback([&action, options] { action = [options] { return evaluate(*options); }; });
}

}  // namespace seqsweep
