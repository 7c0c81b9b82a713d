// The trained model in a run's folder: model.safetensors with its parameters and buffers, and
// model.json with the config that builds it. The JSON is written last, so a model that has one is
// whole.
#pragma once

#include <filesystem>

#include "core/protocol/run_config.h"
#include "worker/build_run.h"

namespace seqsweep {

void save_model(const std::filesystem::path& folder, const RunConfig& config, Task& task);

struct LoadedModel {
  RunConfig config;
  BuiltRun run;  // Trained, in evaluation mode.
};

// Runs that the model needs lie in the folders beside its own. Throws Error (Fault::Input) that
// names the file when one is missing, damaged or of another model.
LoadedModel load_model(const std::filesystem::path& folder, const std::filesystem::path& data_dir,
                       c10::Device device);

bool has_model(const std::filesystem::path& folder);

// The folder's parameters and buffers, without those of its objective (kTaskBuffer), over those of
// `module`, which must have the same names and shapes: an Error (Fault::Input) names the first that
// differs, and changes nothing.
void copy_model(const std::filesystem::path& folder, torch::nn::Module& module);

}  // namespace seqsweep
