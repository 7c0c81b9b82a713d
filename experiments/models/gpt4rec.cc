// GPT4Rec (Li et al. 2023): GPT-2 writes what the customer wants to buy, BM25 finds the items.
#include "core/lm/language_model_config.h"

namespace seqsweep {

namespace {

struct Gpt4RecConfig : LanguageModelConfig {
  Gpt4RecConfig() { lora.modules = {"c_attn"}; }
};

std::shared_ptr<torch::nn::Module> make(const Gpt4RecConfig& config, const ModelContext& context) {
  return make_language_model(Architecture::Gpt2, config, context);
}

const RegisterModel<Gpt4RecConfig> kGpt4Rec{
    "gpt4rec", "GPT-2 writes queries, BM25 finds the items (Li et al. 2023)", "next_title", make};

}  // namespace

}  // namespace seqsweep
