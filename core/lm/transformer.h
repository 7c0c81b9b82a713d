// What transformer language models share: how a text is read whole, and how it is written on token
// by token with the keys and values of what was read kept. Legend: T tokens, R rows, H heads of
// width P, G groups of heads that share keys and values, D width.
#pragma once

#include "core/lm/language_model.h"

namespace seqsweep {

// Lets the tokens of a forward pass see those before them; each layer calls it once.
class Attention {
 public:
  virtual ~Attention() = default;
  virtual torch::Tensor attend(int64_t layer, const torch::Tensor& q_THP,
                               const torch::Tensor& k_TGP, const torch::Tensor& v_TGP) = 0;
};

class TransformerLanguageModel : public LanguageModel {
 public:
  torch::Tensor encode(const PackedSequences& texts) override;
  Begun begin(const PackedSequences& prompts) override;

  virtual int64_t layers() const = 0;
  // [T, D] behind the last norm, of tokens at the given positions of their texts. Keeps `attention`
  // for as long as a backward may come.
  virtual torch::Tensor forward(const torch::Tensor& tokens_T, const torch::Tensor& positions_T,
                                const std::shared_ptr<Attention>& attention) = 0;

 protected:
  virtual double attention_dropout() const { return 0; }
  // Whether its projections are: attention over whole texts is then in bfloat16, as their products
  // are, where a GPU takes LibTorch's (core/lm/transformer.cc).
  virtual bool in_few_bits() const { return false; }

 private:
  at::ScalarType dtype_of_attention() const;
};

}  // namespace seqsweep
