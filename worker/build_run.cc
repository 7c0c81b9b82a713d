#include "worker/build_run.h"

#include <torch/types.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/data/registry.h"
#include "core/train/model.h"

namespace seqsweep {
namespace {

constexpr uint64_t kModelSeed = 0x6d6f64656c;  // "model": apart from the seeds of epochs.

}  // namespace

BuiltRun build_run(const RunConfig& config, const std::filesystem::path& data_dir,
                   c10::Device device) {
  const auto data = datasets().make(config.dataset, DatasetContext{data_dir});
  if (data->users() == 0) {
    throw_input("dataset {}: no user is left; loosen its filters", data->name());
  }
  const uint64_t seed = seed_of(config.seed, kModelSeed);
  torch::manual_seed(seed);
  const auto model = models().make(config.model, ModelContext{*data, device, seed});
  model->to(device);
  const auto run_seed = static_cast<uint64_t>(config.seed);
  return {data, objectives().make(config.objective, TaskContext{model, data, device, run_seed})};
}

ParameterCount count_parameters(Task& task) {
  int64_t all = 0;
  for (const torch::Tensor& parameter : task.module().parameters()) all += parameter.numel();
  return {all, all - task.embedding_parameters()};
}

}  // namespace seqsweep
