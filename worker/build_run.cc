#include "worker/build_run.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/data/registry.h"
#include "core/train/batch_schedule.h"
#include "core/train/evaluation.h"
#include "core/train/model.h"
#include "worker/model_file.h"

namespace seqsweep {
namespace {

constexpr uint64_t kModelSeed = 0x6d6f64656c;  // "model": apart from the seeds of epochs.

// Where the trained model of a needed run lies. A sweep trains it first.
std::filesystem::path folder_of(const RunConfig& needed, const std::string& role,
                                const std::filesystem::path& runs_folder) {
  const std::filesystem::path folder = runs_folder / config_hash(needed.json());
  if (!has_model(folder)) {
    throw_input(
        "the run needs a trained {} as its {}, but '{}' holds none; a sweep that has the run "
        "trains "
        "it first, and the folders of both belong side by side",
        needed.model.value("name", ""), role, folder.string());
  }
  return folder;
}

std::shared_ptr<Task> needed_task(const RunConfig& needed, const std::string& role,
                                  const RunPlaces& places, c10::Device device) {
  auto run = std::make_shared<BuiltRun>(
      places.runs_folder
          ? load_model(folder_of(needed, role, *places.runs_folder), places.data_dir, device).run
          : build_run(needed, places, device));
  run->task->module().eval();
  return {run, run->task.get()};  // Keeps its data set too.
}

}  // namespace

BuiltRun build_run(const RunConfig& config, const RunPlaces& places, c10::Device device,
                   const GoOn& go_on) {
  const auto data = datasets().make(config.dataset, DatasetContext{places.data_dir});
  if (data->users() == 0) {
    throw_input("dataset {}: no user is left; loosen its filters", data->name());
  }
  std::map<std::string, std::shared_ptr<Task>> needs;
  for (const auto& [role, json] : config.needs) {
    if (role != kStartRole)
      needs[role] = needed_task(RunConfig::from_json(json), role, places, device);
  }
  const uint64_t seed = seed_of(config.seed, kModelSeed);
  torch::manual_seed(seed);
  const auto model = models().make(config.model, ModelContext{*data, device, seed});
  model->to(device);
  if (const auto start = config.needs.find(kStartRole);
      start != config.needs.end() && places.runs_folder) {
    const RunConfig needed = RunConfig::from_json(start->second);
    copy_model(folder_of(needed, kStartRole, *places.runs_folder), *model);
  }
  const auto run_seed = static_cast<uint64_t>(config.seed);
  const TaskContext context{model, data, device, run_seed, std::move(needs), go_on};
  BuiltRun run{data, objectives().make(config.objective, context)};
  require_cutoffs(*run.task, config.evaluate.cutoffs);
  return run;
}

std::optional<int64_t> planned_steps(const RunConfig& config, Task& task) {
  const TrainConfig& train = config.train;
  const auto schedule = batch_schedules().make(
      config.batch_schedule,
      BatchScheduleContext{.batch_size = train.batch_size, .microbatches = train.microbatches});
  if (schedule->observes()) return std::nullopt;
  TrainPosition position;
  for (; position.epoch < train.epochs; ++position.epoch) {
    const int64_t examples = task.begin_epoch(position.epoch);
    position.microbatches = (examples + train.batch_size - 1) / train.batch_size;
    position.microbatch = 0;
    for (; position.microbatch < position.microbatches; ++position.step) {
      position.microbatch += schedule->microbatches(position);
    }
    schedule->end_epoch();
  }
  return position.step;
}

ParameterCount count_parameters(Task& task) {
  ParameterCount count;
  const auto fixed = [&](const torch::Tensor& tensor) {
    count.fixed_bytes += static_cast<int64_t>(tensor.nbytes());
  };
  for (const torch::Tensor& parameter : task.module().parameters()) {
    count.all += parameter.numel();
    if (parameter.requires_grad()) {
      count.trained += parameter.numel();
    } else {
      fixed(parameter);
    }
  }
  for (const torch::Tensor& buffer : task.module().buffers()) fixed(buffer);
  count.no_embedding = count.all - task.embedding_parameters();
  return count;
}

}  // namespace seqsweep
