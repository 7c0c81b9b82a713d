// What a sweep file says of a language model: a checkpoint in a folder, or the sizes of a small one
// that is trained from scratch on the titles of a data set.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/lm/language_model.h"
#include "core/train/model.h"

namespace seqsweep {

struct LoraConfig {
  int64_t rank = 0;
  double alpha = 32, dropout = 0.05;
  std::vector<std::string> modules = {"q_proj", "v_proj"};

  void fields(auto&& field) {
    field("rank", rank, "of the adapters; 0: all parameters are trained", at_least(0));
    field("alpha", alpha, "adapters count alpha / rank times", above(0));
    field("dropout", dropout, "of what adapters see", between_below(0, 1));
    field("modules", modules, "projections that are adapted, by their own names");
  }
};

enum class Weights { Float, Bf16, Int8, Nf4 };
constexpr std::array<std::pair<Weights, const char*>, 4> enum_names(Weights) {
  return {{{Weights::Float, "f32"},
           {Weights::Bf16, "bf16"},
           {Weights::Int8, "int8"},
           {Weights::Nf4, "nf4"}}};
}

struct LanguageModelConfig {
  std::string path;
  int64_t vocabulary = 2000, width = 64, layers = 2, heads = 4, max_length = 512;
  double dropout = 0.1;
  Weights weights = Weights::Float;
  bool recompute = false;
  LoraConfig lora;

  void fields(auto&& field) {
    field("path", path,
          "a Hugging Face folder (config.json, safetensors, tokenizer) of this architecture; "
          "empty: a model of the sizes below, from scratch, with a tokenizer of the titles");
    field("vocabulary", vocabulary, "from scratch: tokens, learnt from the titles",
          between(300, 1e6));
    field("width", width, "from scratch: numbers of a token's state", at_least(8));
    field("layers", layers, "from scratch", at_least(1));
    field("heads", heads,
          "from scratch: of attention, or of the state-space mixer; they divide "
          "what they share",
          at_least(1));
    field("max_length", max_length, "from scratch: tokens of the longest text", at_least(64));
    field("dropout", dropout,
          "of embeddings, attention and layers: GPT-2's, and a Llama's from scratch",
          between_below(0, 1));
    field(
        "recompute", recompute,
        "what a layer computes on its way is computed again in the backward instead of kept: less "
        "memory, about a third more time");
    field(
        "weights", weights,
        "of the projections, which are fixed below adapters: float, bfloat16, 8-bit integers with "
        "a scale a row, or NF4 with double-quantised scales (QLoRA)");
    field("lora", lora, "low-rank adapters instead of training all parameters");
  }
};

enum class Architecture { Gpt2, Llama, Mamba2 };

// On context.device, adapted as the config says. The same for the same config, data and seed.
// Throws Error (Fault::Input).
std::shared_ptr<torch::nn::Module> make_language_model(Architecture architecture,
                                                       const LanguageModelConfig& config,
                                                       const ModelContext& context);

}  // namespace seqsweep
