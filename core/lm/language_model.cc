#include "core/lm/language_model.h"

#include "core/base/error.h"
#include "core/lm/recompute.h"
#include "core/train/packing.h"
#include "kernels/few_row_linear.h"

namespace seqsweep {

void LanguageModel::set_tokenizer(std::shared_ptr<const Tokenizer> tokenizer) {
  if (tokenizer->size() > vocabulary()) {
    throw_input("language model: its tokenizer has {} tokens, its embedding only {}",
                tokenizer->size(), vocabulary());
  }
  tokenizer_ = std::move(tokenizer);
}

torch::Tensor LanguageModel::layer(std::function<torch::Tensor(const torch::Tensor&)> f,
                                   const torch::Tensor& x) const {
  return recompute_ && is_training() ? recomputed(std::move(f), x) : f(x);
}

PackedSequences pack_texts(LanguageModel& model, std::span<const std::vector<int32_t>> texts) {
  return pack(std::vector<History>(texts.begin(), texts.end()), model.max_length(),
              model.output_embedding().device());
}

torch::Tensor next_logits(LanguageModel& model, const torch::Tensor& states_RD) {
  return few_row_linear(states_RD, model.output_embedding(), {});
}

}  // namespace seqsweep
