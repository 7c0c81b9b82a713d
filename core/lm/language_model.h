// A causal language model: token ids to hidden states, whose products with the output embedding are
// the logits of the next token. Legend: T tokens of S packed texts, R rows that go on, D width, V
// tokens of the vocabulary.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/text/tokenizer.h"
#include "core/train/model.h"

namespace seqsweep {

// Texts that are being written on, each row from the prompt or row that it continues.
class Continuation {
 public:
  virtual ~Continuation() = default;
  // One token more: new row i is the old row rows[i] with tokens[i] behind it. At first the rows
  // are the prompts. Returns the states at these tokens, [R, D]. Without gradient.
  virtual torch::Tensor advance(std::span<const int64_t> rows, std::span<const int64_t> tokens) = 0;
};

struct Begun {
  torch::Tensor last_SD;  // The states at the last tokens of the prompts.
  std::unique_ptr<Continuation> texts;
};

class LanguageModel : public torch::nn::Module {
 public:
  // `items_T` of the texts are token ids. [T, D], behind the last norm; a state depends on its own
  // token and those before it in its text.
  virtual torch::Tensor encode(const PackedSequences& texts) = 0;
  virtual torch::Tensor output_embedding() = 0;  // [V, D]
  // Reads prompts, none empty, to go on from; the model must outlive what it returns. Without
  // gradient.
  virtual Begun begin(const PackedSequences& prompts) = 0;

  virtual int64_t vocabulary() const = 0;  // V
  virtual int64_t max_length() const = 0;  // Tokens of the longest text that it can read.
  virtual int64_t embedding_parameters() const = 0;
  // What config.json of a Hugging Face folder says of it.
  virtual Json config_json() const = 0;

  // Whether training keeps what a layer computes on its way, or computes it again (recompute.h).
  void recompute_layers(bool yes) { recompute_ = yes; }

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Throws Error (Fault::Input) when it knows more tokens than the model.
  void set_tokenizer(std::shared_ptr<const Tokenizer> tokenizer);

 protected:
  // A layer's f(x), kept or computed again as was asked for.
  torch::Tensor layer(std::function<torch::Tensor(const torch::Tensor&)> f,
                      const torch::Tensor& x) const;

 private:
  bool recompute_ = false;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

// Texts end to end on the model's device, each cut to the last tokens that the model can read.
PackedSequences pack_texts(LanguageModel& model, std::span<const std::vector<int32_t>> texts);

// Logits of the next token, [R, V].
torch::Tensor next_logits(LanguageModel& model, const torch::Tensor& states_RD);

}  // namespace seqsweep
