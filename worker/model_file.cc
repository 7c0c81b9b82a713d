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

// The config of a whole model; its tensors are as they were saved.
RunConfig read_whole(const std::filesystem::path& folder) {
  const std::filesystem::path config_file = folder / kConfigFile,
                              tensor_file = folder / kTensorFile;
  if (!has_model(folder)) {
    throw_input(
        "{}: not found; a run that is done has it in its folder, and '{}' holds no trained "
        "model",
        config_file.string(), folder.string());
  }
  try {
    const Json json = parse_json(read_file(config_file), config_file.string());
    if (sha256_of_file(tensor_file) != json.at("sha256")) {
      throw_input("{}: damaged, its SHA-256 is not the one in {}; train the run again",
                  tensor_file.string(), kConfigFile);
    }
    return RunConfig::from_json(json.at("config"));
  } catch (const Json::exception& error) {
    throw_input("{}: damaged: {}", config_file.string(), error.what());
  }
}

void copy_tensors_of(const std::filesystem::path& folder, torch::nn::Module& module) {
  const std::filesystem::path file = folder / kTensorFile;
  copy_tensors(load_tensors(file), tensors_of(module), file.string());
}

// The folder of a run's neighbours; of "runs/0f3a" and "runs/0f3a/" alike.
std::filesystem::path beside(const std::filesystem::path& folder) {
  return std::filesystem::absolute(folder / ".").lexically_normal().parent_path().parent_path();
}

}  // namespace

void save_model(const std::filesystem::path& folder, const RunConfig& config, Task& task) {
  const std::string hash = save_tensors(folder / kTensorFile, tensors_of(task.module()));
  const Json json = {{"config", config.json()}, {"sha256", hash}};
  write_file_atomic(folder / kConfigFile, json.dump(2) + "\n");
}

bool has_model(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kConfigFile);
}

LoadedModel load_model(const std::filesystem::path& folder, const std::filesystem::path& data_dir,
                       c10::Device device) {
  LoadedModel loaded{.config = read_whole(folder), .run = {}};
  RunConfig without_start = loaded.config;  // Its parameters are about to be replaced.
  without_start.needs.erase(kStartRole);
  loaded.run =
      build_run(without_start, {.data_dir = data_dir, .runs_folder = beside(folder)}, device);
  torch::nn::Module& module = loaded.run.task->module();
  copy_tensors_of(folder, module);
  module.eval();
  return loaded;
}

void copy_model(const std::filesystem::path& folder, torch::nn::Module& module) {
  read_whole(folder);
  const std::filesystem::path file = folder / kTensorFile;
  NamedTensors tensors = load_tensors(file);
  std::erase_if(tensors, [](const auto& named) { return named.first.starts_with(kTaskBuffer); });
  copy_tensors(tensors, tensors_of(module), file.string());
}

}  // namespace seqsweep
