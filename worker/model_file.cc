#include "worker/model_file.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/train/tensor_file.h"

namespace seqsweep {
namespace {

constexpr const char* kTensorFile = "model.safetensors";
constexpr const char* kConfigFile = "model.json";

NamedTensors tensors_of(torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& entry : module.named_parameters()) {
    tensors.emplace_back(entry.key(), entry.value().detach());
  }
  for (const auto& entry : module.named_buffers()) {
    tensors.emplace_back(entry.key(), entry.value());
  }
  return tensors;
}

}  // namespace

void save_model(const std::filesystem::path& folder, const RunConfig& config, Task& task) {
  const std::string hash = save_tensors(folder / kTensorFile, tensors_of(task.module()));
  const Json json = {{"config", config.json()}, {"sha256", hash}};
  write_file_atomic(folder / kConfigFile, json.dump(2) + "\n");
}

LoadedModel load_model(const std::filesystem::path& folder, const std::filesystem::path& data_dir,
                       c10::Device device) {
  const std::filesystem::path config_file = folder / kConfigFile,
                              tensor_file = folder / kTensorFile;
  if (!std::filesystem::exists(config_file)) {
    throw_input(
        "{}: not found; a run that is done has it in its folder, and '{}' holds no trained "
        "model",
        config_file.string(), folder.string());
  }
  LoadedModel loaded;
  try {
    const Json json = Json::parse(read_file(config_file));
    if (sha256_of_file(tensor_file) != json.at("sha256")) {
      throw_input("{}: damaged, its SHA-256 is not the one in {}; train the run again",
                  tensor_file.string(), kConfigFile);
    }
    loaded.config = RunConfig::from_json(json.at("config"));
  } catch (const Json::exception& error) {
    throw_input("{}: damaged: {}", config_file.string(), error.what());
  }
  loaded.run = build_run(loaded.config, data_dir, device);
  torch::nn::Module& module = loaded.run.task->module();
  copy_tensors(load_tensors(tensor_file), tensors_of(module), tensor_file.string());
  module.eval();
  return loaded;
}

}  // namespace seqsweep
