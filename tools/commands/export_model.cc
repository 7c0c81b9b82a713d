#include "tools/commands/export_model.h"

#include "core/lm/folder.h"
#include "core/lm/projection.h"
#include "core/text/tokenizer.h"
#include "tools/commands/trained_model.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

LanguageModel& language_model_of(const LoadedModel& loaded, const std::string& folder) {
  for (const auto& module : loaded.run.task->module().modules()) {
    if (auto* model = dynamic_cast<LanguageModel*>(module.get())) return *model;
  }
  throw_input("export: {}: {} is no language model; transformers has no such model", folder,
              loaded.config.model.at("name").get<std::string>());
}

// The folder is gone again when what fills it throws.
void fill(LanguageModel& model, const fs::path& out) {
  try {
    fs::create_directories(out);
    save_language_model(model, out);
    save_tokenizer(model.tokenizer(), out);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(out, ignored);
    throw;
  }
}

}  // namespace

void export_model(const std::string& run_folder, const std::string& data_dir, const fs::path& out) {
  if (fs::exists(out)) throw_input("export: {} is there already", out.string());
  TrainedModelOptions options;
  options.folder = run_folder;
  options.data_dir = data_dir;
  const LoadedModel loaded = options.load();
  LanguageModel& model = language_model_of(loaded, run_folder);
  for (const auto& module : model.modules()) {
    auto* projection = dynamic_cast<Projection*>(module.get());
    if (projection == nullptr) continue;
    if (projection->quantized()) {
      throw_input(
          "export: {}: its weights are held in few bits; give the model `weights: f32` to export "
          "it",
          run_folder);
    }
    if (projection->adapted()) projection->merge();
  }
  fill(model, out);
}

}  // namespace seqsweep
