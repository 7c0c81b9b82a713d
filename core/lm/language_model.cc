#include "core/lm/language_model.h"

#include "core/base/error.h"

namespace seqsweep {

void LanguageModel::set_tokenizer(std::shared_ptr<const Tokenizer> tokenizer) {
  if (tokenizer->size() > vocabulary()) {
    throw_input("language model: its tokenizer has {} tokens, its embedding only {}",
                tokenizer->size(), vocabulary());
  }
  tokenizer_ = std::move(tokenizer);
}

torch::Tensor next_logits(LanguageModel& model, const torch::Tensor& states_RD) {
  return torch::matmul(states_RD, model.output_embedding().t());
}

}  // namespace seqsweep
