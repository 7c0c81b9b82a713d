// A trained language model as a folder that transformers loads.
#pragma once

#include <filesystem>
#include <string>

namespace seqsweep {

// Of a run's folder, the model into `out`, which is made: config.json, model.safetensors and the
// tokenizer's files, LoRA adapters merged into the weights. Throws Error (Fault::Input) when `out`
// is there, the run's model is no language model or has its weights in few bits, or the run cannot
// be loaded.
void export_model(const std::string& run_folder, const std::string& data_dir,
                  const std::filesystem::path& out);

}  // namespace seqsweep
