// A recommender made of mixers, as Mamba4Rec (Liu et al. 2024) builds it: h =
// LayerNorm(dropout(E[x])), without positions; layers of LayerNorm(dropout(mixer(h)) [+ h]) and a
// position-wise feed-forward network LayerNorm(dropout(W2 dropout(GELU(W1 y))) + y); scores h E^T.
// Where published recommenders differ around their mixers is a MixerRecommenderStyle.
#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <memory>
#include <vector>

#include "core/base/config.h"
#include "core/nn/mixer.h"
#include "core/train/model.h"

namespace seqsweep {

enum class StartingWeights {
  Normal,           // Of linear layers and embeddings: N(0, 0.02). Biases of linear layers: 0.
  TruncatedNormal,  // All of these, biases among them: N(0, 0.02) within two deviations.
};

// The defaults are Mamba4Rec's.
struct MixerRecommenderStyle {
  bool single_layer_residual = false;  // Whether a single layer has one around its mixer.
  bool item_bias = false;              // Added to the scores.
  double norm_eps = 1e-12;
  StartingWeights start = StartingWeights::Normal;
};

struct MixerRecommenderConfig {
  int64_t width = 64, layers = 1;
  double dropout = 0.2;

  void fields(auto&& field) {
    field("width", width, "numbers in an item's embedding (D)", at_least(1));
    field("layers", layers, "mixers, each with its feed-forward network; from 2 on with residuals",
          at_least(1));
    field("dropout", dropout, "of embeddings and layer outputs; 0.4 suits sparse data",
          between_below(0, 1));
  }
  static MixerRecommenderStyle style() { return {}; }
};

// LayerNorm(dropout(W2 dropout(GELU(W1 y))) + y), row by row.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(const MixerRecommenderConfig& config, double norm_eps);
  torch::Tensor forward(const torch::Tensor& y_RD);
  // forward(norm(x [+ added])) for inference.
  torch::Tensor infer(const torch::nn::LayerNorm& norm, const torch::Tensor& x_RD,
                      const torch::Tensor& added_RD) const;

 private:
  double dropout_, norm_eps_;
  torch::nn::Linear up_, down_;
  torch::nn::LayerNorm norm_;
};

class MixerLayer : public torch::nn::Module {
 public:
  MixerLayer(const MixerRecommenderConfig& config, const MixerRecommenderStyle& style,
             std::shared_ptr<Mixer> mixer);

  torch::Tensor forward(const torch::Tensor& x_TD, const PackedSequences& sequences);
  torch::Tensor forward_last(const torch::Tensor& x_TD, const PackedSequences& sequences);
  torch::Tensor advance(const torch::Tensor& x_TD, const PackedSequences& next,
                        SequenceState& state);
  Mixer& mixer() { return *mixer_; }

 private:
  // From the mixer's output and what entered it, row by row, to the layer's output.
  torch::Tensor finish(const torch::Tensor& mixed_RD, const torch::Tensor& x_RD);

  double dropout_;
  bool residual_;
  std::shared_ptr<Mixer> mixer_;
  torch::nn::LayerNorm norm_;
  std::shared_ptr<FeedForward> ffn_;
};

class MixerRecommender : public SequenceModel {
 public:
  // One mixer a layer. Linear layers, the mixers' among them, and embeddings start as the style
  // says: that overrides what mixers give their linear layers, Mamba's bias of dt_proj too, but not
  // their other parameters.
  MixerRecommender(const MixerRecommenderConfig& config, const MixerRecommenderStyle& style,
                   int64_t items, std::vector<std::shared_ptr<Mixer>> mixers);

  torch::Tensor encode(const PackedSequences& sequences) override;
  torch::Tensor encode_last(const PackedSequences& sequences) override;
  torch::Tensor item_embedding() override { return items_->weight; }
  torch::Tensor item_bias() override { return item_bias_; }
  bool causal() const override;
  int64_t embedding_parameters() const override;  // Of the item bias too: it is one more column.

  bool recurrent() const override;
  SequenceState begin(int64_t sequences) override;
  torch::Tensor advance(const PackedSequences& next, SequenceState& state) override;

 private:
  torch::Tensor embed(const PackedSequences& sequences);
  void initialise(StartingWeights start);

  double dropout_, norm_eps_;
  torch::nn::Embedding items_;
  torch::Tensor item_bias_;  // [V], or undefined.
  torch::nn::LayerNorm norm_;
  std::vector<std::shared_ptr<MixerLayer>> layers_;
};

// The last lines of a model's file: `layers` mixers of its kind, on the context's device.
template <typename MixerKind, typename Config>
std::shared_ptr<torch::nn::Module> make_mixer_recommender(const Config& config,
                                                          const ModelContext& context) {
  torch::manual_seed(context.seed);
  std::vector<std::shared_ptr<Mixer>> mixers;
  for (int64_t i = 0; i < config.layers; ++i) mixers.push_back(std::make_shared<MixerKind>(config));
  auto model = std::make_shared<MixerRecommender>(config, Config::style(), context.data.items(),
                                                  std::move(mixers));
  model->to(context.device);
  return model;
}

}  // namespace seqsweep
