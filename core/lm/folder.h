// Language models in folders as Hugging Face writes them: config.json, the weights as safetensors,
// in one file or several, and the tokenizer's files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/lm/language_model.h"
#include "kernels/quantized_linear.h"

namespace seqsweep {

// With its tokenizer; float32, or the projections in few bits: a Llama's then never lie in memory
// in float all at once. `dropout` is used where the architecture has any (GPT-2). Throws Error
// (Fault::Input) that names the file and what is missing, misshapen or unknown in it.
std::shared_ptr<LanguageModel> load_language_model(const std::filesystem::path& folder,
                                                   double dropout,
                                                   std::optional<WeightFormat> format = {});

// The weights of a folder into a model of its shape; those of projections on the meta device come
// to be held in the given format, which must not be missing then.
void load_weights(LanguageModel& model, const std::filesystem::path& folder,
                  std::optional<WeightFormat> format = {});

// config.json and model.safetensors, as from_pretrained() reads them. Adapters must be merged.
void save_language_model(LanguageModel& model, const std::filesystem::path& folder);

// LoRA adapters as PEFT writes and reads them: adapter_config.json, adapter_model.safetensors.
void save_adapters(LanguageModel& model, const std::filesystem::path& folder);
// Into a model that was adapted likewise.
void load_adapters(LanguageModel& model, const std::filesystem::path& folder);

}  // namespace seqsweep
