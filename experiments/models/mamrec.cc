// MamRec, the paper's GPT4Rec with the Mamba-2 language model (Dao & Gu 2024) in place of GPT-2.
#include "core/base/error.h"
#include "core/lm/language_model_config.h"

namespace seqsweep {

namespace {

struct MamRecConfig : LanguageModelConfig {};

std::shared_ptr<torch::nn::Module> make(const MamRecConfig& config, const ModelContext& context) {
  if (config.lora.rank > 0) {
    throw_input("model mamrec: lora: rank must be 0 (Mamba-2's projections are not adapted), is {}",
                config.lora.rank);
  }
  return make_language_model(Architecture::Mamba2, config, context);
}

const RegisterModel<MamRecConfig> kMamRec{"mamrec", "Mamba-2 writes queries, BM25 finds the items",
                                          "next_title", make};

}  // namespace

}  // namespace seqsweep
