// The Mamba-2 language model (Dao & Gu 2024), with the names and shapes of its Hugging Face
// checkpoints; the mixer is that of core/nn, a row's state is all it keeps of its text.
#pragma once

#include <torch/nn/modules/embedding.h>

#include "core/lm/language_model.h"
#include "core/nn/mamba2_mixer.h"

namespace seqsweep {

struct Mamba2LmConfig {
  int64_t vocabulary = 50288, width = 768, layers = 24, state = 128, conv = 4, expand = 2;
  int64_t head_width = 64, groups = 1;
  double eps = 1e-5;
  bool tied = true;                                          // The output embedding is the input's.
  int64_t max_length = std::numeric_limits<int32_t>::max();  // It has no limit of its own.
};

class Mamba2Lm : public LanguageModel {
 public:
  explicit Mamba2Lm(const Mamba2LmConfig& config);
  static Mamba2LmConfig config_of(const Json& config_json);

  torch::Tensor encode(const PackedSequences& texts) override;
  torch::Tensor output_embedding() override;
  Begun begin(const PackedSequences& prompts) override;
  int64_t vocabulary() const override { return config_.vocabulary; }
  int64_t max_length() const override { return config_.max_length; }
  int64_t embedding_parameters() const override;
  Json config_json() const override;

 private:
  class Block;
  class States;
  // [T, D], with `mix` in place of each mixer: (its number, x) -> y.
  torch::Tensor forward(const torch::Tensor& tokens_T,
                        const std::function<torch::Tensor(int64_t, const torch::Tensor&)>& mix);

  Mamba2LmConfig config_;
  torch::nn::Embedding embedding_{nullptr};
  torch::Tensor last_norm_, output_embedding_;
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace seqsweep
