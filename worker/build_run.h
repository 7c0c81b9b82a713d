// From a run's config to the data set, model and objective that it names.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>

#include "core/protocol/run_config.h"
#include "core/train/task.h"

namespace seqsweep {

struct BuiltRun {
  std::shared_ptr<const Dataset> data;
  std::unique_ptr<Task> task;
};

// Opens the data set (and prepares it when its cache is missing) and makes the untrained model; the
// same parameters for the same config, on every rank. Throws Error (Fault::Input) on an unknown
// name, a wrong setting or an empty data set.
BuiltRun build_run(const RunConfig& config, const std::filesystem::path& data_dir,
                   c10::Device device);

// All parameters, and those outside embedding tables.
struct ParameterCount {
  int64_t all = 0, no_embedding = 0;
};
ParameterCount count_parameters(Task& task);

}  // namespace seqsweep
