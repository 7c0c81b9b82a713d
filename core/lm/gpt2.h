// GPT-2 (Radford et al. 2019), with the names and shapes of its published checkpoints.
#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "core/lm/projection.h"
#include "core/lm/transformer.h"

namespace seqsweep {

struct Gpt2Config {
  int64_t vocabulary = 50257, width = 768, layers = 12, heads = 12, inner_width = 3072;
  int64_t max_length = 1024;
  double dropout = 0.1;  // Of embeddings, attention weights and layer outputs.
  double eps = 1e-5;
};

class Gpt2 : public TransformerLanguageModel {
 public:
  explicit Gpt2(const Gpt2Config& config);
  static Gpt2Config config_of(const Json& config_json, double dropout);

  torch::Tensor forward(const torch::Tensor& tokens_T, const torch::Tensor& positions_T,
                        const std::shared_ptr<Attention>& attention) override;
  torch::Tensor output_embedding() override { return token_embedding_->weight; }
  int64_t layers() const override { return config_.layers; }
  int64_t vocabulary() const override { return config_.vocabulary; }
  int64_t max_length() const override { return config_.max_length; }
  int64_t embedding_parameters() const override;
  Json config_json() const override;

 protected:
  double attention_dropout() const override { return config_.dropout; }
  bool in_few_bits() const override;

 private:
  class Block;
  torch::Tensor drop(const torch::Tensor& x) const;

  Gpt2Config config_;
  torch::nn::Embedding token_embedding_{nullptr}, position_embedding_{nullptr};
  torch::nn::LayerNorm last_norm_{nullptr};
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace seqsweep
