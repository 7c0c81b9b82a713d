// LlamaRec (Yue et al. 2023): a Llama ranks what a retriever found, by the letter that it would
// answer with.
#include "core/lm/language_model_config.h"

namespace seqsweep {

namespace {

struct LlamaRecConfig : LanguageModelConfig {
  LlamaRecConfig() { max_length = 1536; }
};

std::shared_ptr<torch::nn::Module> make(const LlamaRecConfig& config, const ModelContext& context) {
  return make_language_model(Architecture::Llama, config, context);
}

const RegisterModel<LlamaRecConfig> kLlamaRec{
    "llamarec", "Llama ranks a retriever's candidates (Yue et al. 2023)", "rank_candidates", make};

}  // namespace

}  // namespace seqsweep
