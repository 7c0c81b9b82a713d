#include "core/lm/language_model_config.h"

#include "core/base/error.h"
#include "core/lm/folder.h"
#include "core/lm/gpt2.h"
#include "core/lm/item_texts.h"
#include "core/lm/llama.h"
#include "core/lm/mamba2_lm.h"
#include "core/lm/projection.h"
#include "core/lm/purchase_prompt.h"
#include "core/lm/ranking_prompt.h"
#include "core/text/train_bpe.h"

namespace seqsweep {

namespace {

void require_divides(const LanguageModelConfig& config, int64_t shared, const char* what) {
  if (shared % config.heads == 0) return;
  throw_input("language model: heads must divide {}; heads is {}, {} is {}", what, config.heads,
              what, shared);
}

std::shared_ptr<LanguageModel> from_scratch(Architecture architecture,
                                            const LanguageModelConfig& config, int64_t vocabulary) {
  if (architecture == Architecture::Mamba2) {
    require_divides(config, 2 * config.width, "2 * width");
    return std::make_shared<Mamba2Lm>(Mamba2LmConfig{.vocabulary = vocabulary,
                                                     .width = config.width,
                                                     .layers = config.layers,
                                                     .state = 64,
                                                     .head_width = 2 * config.width / config.heads,
                                                     .max_length = config.max_length});
  }
  require_divides(config, config.width, "width");
  if (architecture == Architecture::Gpt2) {
    return std::make_shared<Gpt2>(Gpt2Config{.vocabulary = vocabulary,
                                             .width = config.width,
                                             .layers = config.layers,
                                             .heads = config.heads,
                                             .inner_width = 4 * config.width,
                                             .max_length = config.max_length,
                                             .dropout = config.dropout});
  }
  return std::make_shared<Llama>(LlamaConfig{.vocabulary = vocabulary,
                                             .width = config.width,
                                             .layers = config.layers,
                                             .heads = config.heads,
                                             .groups = config.heads,
                                             .head_width = config.width / config.heads,
                                             .inner_width = 8 * config.width / 3,
                                             .max_length = config.max_length,
                                             .tied = true,
                                             .dropout = config.dropout});
}

// Nothing: float.
std::optional<WeightFormat> few_bits(Weights weights) {
  switch (weights) {
    case Weights::Float:
      return std::nullopt;
    case Weights::Bf16:
      return WeightFormat::Bf16;
    case Weights::Int8:
      return WeightFormat::Int8;
    case Weights::Nf4:
      return WeightFormat::Nf4;
  }
  return std::nullopt;
}

const char* name_of(Architecture architecture) {
  return architecture == Architecture::Gpt2    ? "gpt2"
         : architecture == Architecture::Llama ? "llama"
                                               : "mamba2";
}

std::shared_ptr<const Tokenizer> tokenizer_of_titles(const Dataset& data, int64_t vocabulary) {
  std::vector<std::string> texts;
  for (int64_t item = 0; item < data.items(); ++item) {
    texts.push_back(fmt::format(" {}.", item_title(data, item)));
  }
  // The words of prompts, often enough to become tokens.
  const auto copies = std::max<size_t>(50, texts.size() / 50);
  for (const auto& phrases : {PurchasePrompt::phrases(), RankingPrompt::phrases()}) {
    for (size_t i = 0; i < copies; ++i) texts.insert(texts.end(), phrases.begin(), phrases.end());
  }
  return train_byte_level_bpe(texts, vocabulary);
}

}  // namespace

std::shared_ptr<torch::nn::Module> make_language_model(Architecture architecture,
                                                       const LanguageModelConfig& config,
                                                       const ModelContext& context) {
  torch::manual_seed(context.seed);
  const std::optional<WeightFormat> format = few_bits(config.weights);
  if (format && config.lora.rank == 0) {
    throw_input(
        "language model: weights in few bits are fixed; train adapters on them (lora.rank above "
        "0) or take weights: f32");
  }
  std::shared_ptr<LanguageModel> model;
  if (config.path.empty()) {
    const auto tokenizer = tokenizer_of_titles(context.data, config.vocabulary);
    model = from_scratch(architecture, config, tokenizer->size());
    model->set_tokenizer(tokenizer);
    if (format) quantize(*model, *format);
  } else {
    model = load_language_model(config.path, config.dropout, format);
    const std::string type = model->config_json().at("model_type");
    if (type != name_of(architecture)) {
      throw_input("language model: path: '{}' must hold a {}, it holds a {}", config.path,
                  name_of(architecture), type);
    }
  }
  if (config.lora.rank > 0) {
    adapt(*model, config.lora.modules,
          {.rank = config.lora.rank, .alpha = config.lora.alpha, .dropout = config.lora.dropout});
  }
  model->recompute_layers(config.recompute);
  model->to(context.device);
  return model;
}

}  // namespace seqsweep
