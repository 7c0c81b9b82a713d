#include "core/lm/folder.h"

#include <torch/types.h>

#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/lm/gpt2.h"
#include "core/lm/llama.h"
#include "core/lm/mamba2_lm.h"
#include "core/train/tensor_file.h"

namespace seqsweep {

namespace {

namespace fs = std::filesystem;
using torch::Tensor;

// Python writes NaN and Infinity into JSON, which has neither; null stands for them here.
std::string without_python_numbers(std::string text) {
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      for (const std::string_view name : {"-Infinity", "Infinity", "NaN"}) {
        if (text.compare(at, name.size(), name) == 0) text.replace(at, name.size(), "null");
      }
    }
  }
  return text;
}

Json read_json(const fs::path& path) {
  return parse_json(without_python_numbers(read_file(path)), path.string());
}

std::shared_ptr<LanguageModel> make(const Json& config, double dropout, bool in_few_bits) {
  const std::string type = config.is_object() ? config.value("model_type", Json()).dump() : "null";
  if (type == "\"gpt2\"") return std::make_shared<Gpt2>(Gpt2::config_of(config, dropout));
  if (type == "\"llama\"") {
    LlamaConfig llama = Llama::config_of(config);
    if (in_few_bits) llama.projections_on = torch::kMeta;
    return std::make_shared<Llama>(llama);
  }
  if (type == "\"mamba2\"") return std::make_shared<Mamba2Lm>(Mamba2Lm::config_of(config));
  throw_input("config.json: model_type: must be gpt2, llama or mamba2, is {}", printable(type));
}

std::vector<fs::path> weight_files(const fs::path& folder) {
  const fs::path single = folder / "model.safetensors";
  if (fs::exists(single)) return {single};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index)) {
    throw_input("{}: has neither model.safetensors nor model.safetensors.index.json",
                folder.string());
  }
  const Json json = read_json(index);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object()) {
    throw_input("{}: has no weight_map", index.string());
  }
  std::set<fs::path> files;
  for (const auto& entry : map->items()) {
    const std::string name = entry.value().is_string() ? entry.value().get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name) {
      throw_input("{}: weight_map: '{}' is no name of a file beside it", index.string(),
                  printable(name));
    }
    files.insert(folder / name);
  }
  return {files.begin(), files.end()};
}

// The names under which a checkpoint may have what the model calls `name`.
std::vector<std::string> names_in_file(const std::string& name) {
  std::vector<std::string> names = {name};
  for (const char* base : {"transformer.", "model.", "backbone."}) {
    if (name.starts_with(base)) names.push_back(name.substr(std::string(base).size()));
  }
  if (name == "backbone.embeddings.weight") names.emplace_back("backbone.embedding.weight");
  return names;
}

// Constants that older checkpoints store, and an output embedding that is the input's.
bool may_be_ignored(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with("rotary_emb.inv_freq") || name == "lm_head.weight";
}

constexpr const char* kPeftPrefix = "base_model.model.";

// lora_A of a Projection as PEFT names it, and back: the parameter's own name is PEFT's module's.
std::string peft_name(const std::string& name) {
  return kPeftPrefix + name + ".weight";
}

}  // namespace

void load_weights(LanguageModel& model, const fs::path& folder,
                  std::optional<WeightFormat> format) {
  std::map<std::string, Tensor> in_files;
  for (const fs::path& file : weight_files(folder)) {
    for (auto& [name, tensor] : load_tensors(file)) in_files.emplace(name, tensor);
  }
  const torch::NoGradGuard no_grad;
  const auto modules = model.named_modules("", /*include_self=*/false);
  for (const auto& entry : model.named_parameters()) {
    auto found = in_files.end();
    for (const std::string& name : names_in_file(entry.key())) {
      if (found == in_files.end()) found = in_files.find(name);
    }
    if (found == in_files.end()) {
      throw_input("{}: has no tensor '{}'", folder.string(), entry.key());
    }
    Tensor into = entry.value();
    if (found->second.sizes() != into.sizes() || !found->second.is_floating_point()) {
      throw_input("{}: tensor '{}' is {} {}, needed is floating point {}", folder.string(),
                  printable(found->first), c10::toString(found->second.scalar_type()),
                  c10::str(found->second.sizes()), c10::str(into.sizes()));
    }
    if (into.is_meta()) {
      auto* projection = modules[entry.key().substr(0, entry.key().rfind('.'))]->as<Projection>();
      projection->hold(quantize(found->second.to(torch::kFloat), format.value()));
    } else {
      into.copy_(found->second);
    }
    in_files.erase(found);
  }
  for (const auto& [name, tensor] : in_files) {
    if (!may_be_ignored(name)) {
      throw_input("{}: tensor '{}' is none of a model that its config.json describes",
                  folder.string(), printable(name));
    }
  }
}

std::shared_ptr<LanguageModel> load_language_model(const fs::path& folder, double dropout,
                                                   std::optional<WeightFormat> format) {
  const fs::path config_file = folder / "config.json";
  const Json config = read_json(config_file);
  std::shared_ptr<LanguageModel> model;
  try {
    model = make(config, dropout, format.has_value());
  } catch (const Error& error) {
    throw_input("{}: {}", folder.string(), error.what());
  }
  load_weights(*model, folder, format);
  if (format) quantize(*model, *format);
  model->set_tokenizer(load_tokenizer(folder));
  return model;
}

void save_language_model(LanguageModel& model, const fs::path& folder) {
  NamedTensors tensors;
  for (const auto& entry : model.named_parameters()) {
    if (entry.key().find("lora_") != std::string::npos) {
      throw_run("{}: a model is saved whole when its adapters are merged", folder.string());
    }
    tensors.emplace_back(entry.key(), entry.value());
  }
  for (const auto& entry : model.named_buffers()) {
    if (entry.key().ends_with(".codes")) {
      throw_run("{}: weights in few bits are not saved as a Hugging Face folder; adapters are",
                folder.string());
    }
  }
  save_tensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  Json config = model.config_json();
  const Tokenizer& tokenizer = model.tokenizer();
  if (tokenizer.begin_token()) config["bos_token_id"] = *tokenizer.begin_token();
  if (tokenizer.end_token()) config["eos_token_id"] = *tokenizer.end_token();
  write_file_atomic(folder / "config.json", config.dump(2) + "\n");
}

void save_adapters(LanguageModel& model, const fs::path& folder) {
  NamedTensors tensors;
  Json modules = Json::array();
  LoraOptions options;
  for (const auto& module : model.named_modules("", /*include_self=*/false)) {
    auto* projection = module.value()->as<Projection>();
    if (projection == nullptr || !projection->adapted()) continue;
    options = projection->lora();
    const std::string own_name = module.key().substr(module.key().rfind('.') + 1);
    if (std::find(modules.begin(), modules.end(), own_name) == modules.end()) {
      modules.push_back(own_name);
    }
    for (const auto& entry : projection->named_parameters(/*recurse=*/false)) {
      if (!entry.key().starts_with("lora_")) continue;
      tensors.emplace_back(peft_name(module.key() + "." + entry.key()), entry.value());
    }
  }
  if (tensors.empty()) throw_run("{}: the model has no adapters to save", folder.string());
  save_tensors(folder / "adapter_model.safetensors", tensors, {{"format", "pt"}});
  const Json config = {{"peft_type", "LORA"},
                       {"task_type", "CAUSAL_LM"},
                       {"r", options.rank},
                       {"lora_alpha", options.alpha},
                       {"lora_dropout", options.dropout},
                       {"bias", "none"},
                       {"fan_in_fan_out", model.config_json()["model_type"] == "gpt2"},
                       {"target_modules", modules}};
  write_file_atomic(folder / "adapter_config.json", config.dump(2) + "\n");
}

void load_adapters(LanguageModel& model, const fs::path& folder) {
  NamedTensors into;
  for (const auto& entry : model.named_parameters()) {
    if (entry.key().find(".lora_") != std::string::npos) {
      into.emplace_back(peft_name(entry.key()), entry.value());
    }
  }
  const fs::path file = folder / "adapter_model.safetensors";
  copy_tensors(load_tensors(file), into, file.string());
}

}  // namespace seqsweep
