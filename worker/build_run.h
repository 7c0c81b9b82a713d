// From a run's config to the data set, model and objective that it names.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "core/protocol/run_config.h"
#include "core/train/model.h"
#include "core/train/task.h"

namespace seqsweep {

struct BuiltRun {
  std::shared_ptr<const Dataset> data;
  std::unique_ptr<Task> task;
};

struct RunPlaces {
  std::filesystem::path data_dir;  // Raw and cached data sets.
  // A folder a run, by id: there lie the trained models of runs that this one needs. Nothing: those
  // are built untrained, and no parameters are started from; enough to count parameters.
  std::optional<std::filesystem::path> runs_folder = {};
};

// Opens the data set (and prepares it when its cache is missing), makes the untrained model, or
// gives it the parameters that it starts from, and loads the runs that it needs; the same
// parameters for the same config, on every rank. Throws Error (Fault::Input) on an unknown name, a
// wrong setting, a cut-off behind the objective's lists, an empty data set, or a needed run that is
// not there or does not fit.
BuiltRun build_run(
    const RunConfig& config, const RunPlaces& places, c10::Device device,
    const GoOn& go_on = [] { return true; });

// Steps of all epochs; nothing where the batch schedule decides them as it goes. Draws the examples
// of the first epoch to count them.
std::optional<int64_t> planned_steps(const RunConfig& config, Task& task);

// All parameters, those outside embedding tables, those that are trained; and the memory of what is
// not: fixed weights (also in few bits) and other buffers.
struct ParameterCount {
  int64_t all = 0, no_embedding = 0, trained = 0;
  int64_t fixed_bytes = 0;
};
ParameterCount count_parameters(Task& task);

}  // namespace seqsweep
