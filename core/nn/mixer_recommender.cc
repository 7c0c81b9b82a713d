#include "core/nn/mixer_recommender.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"
#include "core/train/packing.h"
#include "kernels/checks.h"
#include "kernels/embed_and_norm.h"
#include "kernels/norm_and_feed_forward.h"
#include "kernels/seeded_dropout.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

nn::LayerNorm layer_norm(int64_t width, double eps) {
  return nn::LayerNorm(nn::LayerNormOptions({width}).eps(eps));
}

// N(0, deviation), drawn again where it lies more than two deviations out: the inverse of its
// distribution function at numbers between those of the two bounds.
void draw_truncated_normal(Tensor x, double deviation) {
  const double inside = std::erf(std::sqrt(2.0));
  x.uniform_(-inside, inside).erfinv_().mul_(deviation * std::sqrt(2.0));
}

// Only in training.
Tensor drop(const Tensor& x, double dropout, const nn::Module& module) {
  return module.is_training() ? seeded_dropout(x, dropout, draw_seed()) : x;
}

bool infers(const Tensor& x, const nn::Module& module) {
  return !module.is_training() && (infers_on_cpu(x) || infers_on_gpu(x));
}

}  // namespace

FeedForward::FeedForward(const MixerRecommenderConfig& config, double norm_eps)
    : dropout_(config.dropout),
      norm_eps_(norm_eps),
      up_(register_module("up", nn::Linear(config.width, 4 * config.width))),
      down_(register_module("down", nn::Linear(4 * config.width, config.width))),
      norm_(register_module("norm", layer_norm(config.width, norm_eps))) {}

Tensor FeedForward::forward(const Tensor& y_RD) {
  const Tensor hidden = drop(torch::gelu(up_(y_RD)), dropout_, *this);
  return norm_(drop(down_(hidden), dropout_, *this) + y_RD);
}

Tensor FeedForward::infer(const nn::LayerNorm& norm, const Tensor& x_RD,
                          const Tensor& added_RD) const {
  return norm_and_feed_forward(x_RD, added_RD,
                               {.first_norm_weight = norm->weight,
                                .first_norm_bias = norm->bias,
                                .up_weight = up_->weight,
                                .up_bias = up_->bias,
                                .down_weight = down_->weight,
                                .down_bias = down_->bias,
                                .second_norm_weight = norm_->weight,
                                .second_norm_bias = norm_->bias,
                                .eps = norm_eps_});
}

MixerLayer::MixerLayer(const MixerRecommenderConfig& config, const MixerRecommenderStyle& style,
                       std::shared_ptr<Mixer> mixer)
    : dropout_(config.dropout),
      residual_(config.layers > 1 || style.single_layer_residual),
      mixer_(register_module("mixer", std::move(mixer))),
      norm_(register_module("norm", layer_norm(config.width, style.norm_eps))),
      ffn_(register_module("ffn", std::make_shared<FeedForward>(config, style.norm_eps))) {}

Tensor MixerLayer::forward(const Tensor& x_TD, const PackedSequences& sequences) {
  return finish(mixer_->forward(x_TD, sequences), x_TD);
}

Tensor MixerLayer::forward_last(const Tensor& x_TD, const PackedSequences& sequences) {
  const Tensor mixed_SD = mixer_->forward_last(x_TD, sequences);
  return finish(mixed_SD, residual_ ? x_TD.index_select(0, last_tokens(sequences)) : Tensor());
}

Tensor MixerLayer::advance(const Tensor& x_TD, const PackedSequences& next, SequenceState& state) {
  return finish(mixer_->advance(x_TD, next, state), x_TD);
}

Tensor MixerLayer::finish(const Tensor& mixed_RD, const Tensor& x_RD) {
  if (infers(mixed_RD, *this)) return ffn_->infer(norm_, mixed_RD, residual_ ? x_RD : Tensor());
  const Tensor dropped_RD = drop(mixed_RD, dropout_, *this);
  return ffn_->forward(norm_(residual_ ? dropped_RD + x_RD : dropped_RD));
}

MixerRecommender::MixerRecommender(const MixerRecommenderConfig& config,
                                   const MixerRecommenderStyle& style, int64_t items,
                                   std::vector<std::shared_ptr<Mixer>> mixers)
    : dropout_(config.dropout),
      norm_eps_(style.norm_eps),
      items_(register_module("items", nn::Embedding(items, config.width))),
      norm_(register_module("norm", layer_norm(config.width, style.norm_eps))) {
  SEQ_CHECK(!mixers.empty());
  if (style.item_bias) item_bias_ = register_parameter("item_bias", torch::zeros({items}));
  for (std::shared_ptr<Mixer>& mixer : mixers) {
    layers_.push_back(
        register_module(fmt::format("layer{}", layers_.size()),
                        std::make_shared<MixerLayer>(config, style, std::move(mixer))));
  }
  initialise(style.start);
}

void MixerRecommender::initialise(StartingWeights start) {
  const torch::NoGradGuard no_grad;
  constexpr double kDeviation = 0.02;
  const bool truncated = start == StartingWeights::TruncatedNormal;
  const auto draw_weight = [&](Tensor weight) {
    truncated ? draw_truncated_normal(weight, kDeviation) : void(weight.normal_(0, kDeviation));
  };
  const auto draw_bias = [&](Tensor bias) {
    truncated ? draw_truncated_normal(bias, kDeviation) : void(bias.zero_());
  };
  draw_weight(items_->weight);
  if (item_bias_.defined()) draw_bias(item_bias_);
  apply([&](nn::Module& module) {
    auto* linear = module.as<nn::Linear>();
    if (linear == nullptr) return;
    draw_weight(linear->weight);
    if (linear->bias.defined()) draw_bias(linear->bias);
  });
}

int64_t MixerRecommender::embedding_parameters() const {
  return items_->weight.numel() + (item_bias_.defined() ? item_bias_.numel() : 0);
}

Tensor MixerRecommender::embed(const PackedSequences& sequences) {
  if (infers(items_->weight, *this)) {
    return embed_and_norm({.table_VD = items_->weight,
                           .items_T = sequences.items_T,
                           .weight_D = norm_->weight,
                           .bias_D = norm_->bias,
                           .eps = norm_eps_});
  }
  return norm_(drop(items_(sequences.items_T), dropout_, *this));
}

Tensor MixerRecommender::encode(const PackedSequences& sequences) {
  Tensor x_TD = embed(sequences);
  for (const auto& layer : layers_) x_TD = layer->forward(x_TD, sequences);
  return x_TD;
}

Tensor MixerRecommender::encode_last(const PackedSequences& sequences) {
  check_not_empty(sequences);
  Tensor x_TD = embed(sequences);
  for (size_t i = 0; i + 1 < layers_.size(); ++i) x_TD = layers_[i]->forward(x_TD, sequences);
  return layers_.back()->forward_last(x_TD, sequences);
}

bool MixerRecommender::causal() const {
  return std::ranges::all_of(layers_, [](const auto& layer) { return layer->mixer().causal(); });
}

bool MixerRecommender::recurrent() const {
  return std::ranges::all_of(layers_, [](const auto& layer) { return layer->mixer().recurrent(); });
}

SequenceState MixerRecommender::begin(int64_t sequences) {
  SequenceState all;
  for (const auto& layer : layers_) {
    for (Tensor& part : layer->mixer().begin(sequences)) all.push_back(std::move(part));
  }
  return all;
}

// Every layer has as many tensors in the state as its mixer began with.
Tensor MixerRecommender::advance(const PackedSequences& next, SequenceState& state) {
  Tensor x_TD = embed(next);
  const size_t per_layer = state.size() / layers_.size();
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto first = state.begin() + static_cast<long>(i * per_layer);
    SequenceState mine(first, first + static_cast<long>(per_layer));
    x_TD = layers_[i]->advance(x_TD, next, mine);
    std::ranges::move(mine, first);
  }
  return x_TD.index_select(0, last_tokens(next));
}

}  // namespace seqsweep
