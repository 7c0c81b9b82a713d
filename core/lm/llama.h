// Llama (Touvron et al. 2023) and what has its architecture: RMSNorm before each branch, rotary
// positions (Su et al. 2021) in the half-turned order of its Hugging Face checkpoints, SwiGLU, and
// keys and values shared by groups of heads.
#pragma once

#include <torch/nn/modules/embedding.h>

#include "core/lm/projection.h"
#include "core/lm/transformer.h"

namespace seqsweep {

// Slows the turning of low frequencies down, for longer texts than a model was trained on.
struct RopeScaling {
  enum class Kind { None, Linear, Llama3 };
  Kind kind = Kind::None;
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  // Llama3.
  int64_t original_max_length = 8192;                          // Llama3.
};

struct LlamaConfig {
  int64_t vocabulary = 32000, width = 4096, layers = 32, heads = 32, groups = 32;
  int64_t head_width = 128, inner_width = 11008, max_length = 4096;
  double eps = 1e-5, rope_theta = 10000;
  bool tied = false;            // The output embedding is the input's.
  bool attention_bias = false;  // Of the projections to and from attention.
  double dropout = 0;           // Of attention weights, embeddings and what blocks add.
  RopeScaling rope_scaling;
  torch::Device projections_on = torch::kCPU;  // Meta: their weights come later (Projection::hold).
};

class Llama : public TransformerLanguageModel {
 public:
  explicit Llama(const LlamaConfig& config);
  static LlamaConfig config_of(const Json& config_json);

  torch::Tensor forward(const torch::Tensor& tokens_T, const torch::Tensor& positions_T,
                        const std::shared_ptr<Attention>& attention) override;
  torch::Tensor output_embedding() override;
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

  LlamaConfig config_;
  torch::nn::Embedding embedding_{nullptr};
  torch::Tensor last_norm_, output_embedding_;
  torch::Tensor frequencies_;  // [P / 2], radians a position.
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace seqsweep
