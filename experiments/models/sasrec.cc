// SASRec: self-attentive sequential recommendation (Kang & McAuley, ICDM 2018), with the details of
// RecBole's implementation: post-norm blocks, GELU, cross entropy over all items, tied embeddings.
// Legend: T items of a packed batch, D width, H heads, P width of a head, V items of the catalogue.
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "core/base/error.h"
#include "core/train/model.h"
#include "core/train/packing.h"
#include "kernels/checks.h"
#include "kernels/packed_attention.h"
#include "kernels/seeded_dropout.h"
#include "kernels/transformer_last.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct SASRecConfig {
  int64_t width = 64, blocks = 2, heads = 2, inner_width = 256;
  double hidden_dropout = 0.2, attention_dropout = 0.2;

  void fields(auto&& field) {
    field("width", width, "numbers in an item's embedding", at_least(1));
    field("blocks", blocks, "transformer blocks", at_least(1));
    field("heads", heads, "attention heads; they share the width", at_least(1));
    field("inner_width", inner_width, "hidden units of the feed-forward layers", at_least(1));
    field("hidden_dropout", hidden_dropout,
          "of embeddings and layer outputs; 0.5 suits sparse data", between_below(0, 1));
    field("attention_dropout", attention_dropout, "of attention weights", between_below(0, 1));
  }
};

constexpr double kNormEps = 1e-12;

nn::LayerNorm layer_norm(int64_t width) {
  return nn::LayerNorm(nn::LayerNormOptions({width}).eps(kNormEps));
}

class Block : public nn::Module {
 public:
  explicit Block(const SASRecConfig& config)
      : config_(config),
        qkv_(register_module("qkv", nn::Linear(config.width, 3 * config.width))),
        mix_(register_module("mix", nn::Linear(config.width, config.width))),
        mix_norm_(register_module("mix_norm", layer_norm(config.width))),
        up_(register_module("up", nn::Linear(config.width, config.inner_width))),
        down_(register_module("down", nn::Linear(config.inner_width, config.width))),
        down_norm_(register_module("down_norm", layer_norm(config.width))) {}

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) {
    return finish(attend(x_TD, sequences), x_TD);
  }

  // Of the last tokens only, [S, D].
  Tensor forward_last(const Tensor& x_TD, const PackedSequences& sequences) {
    const Tensor last_S = last_tokens(sequences);
    return finish(attend(x_TD, sequences).index_select(0, last_S), x_TD.index_select(0, last_S));
  }

  TransformerBlock weights() const {
    return {.qkv_weight = qkv_->weight,
            .qkv_bias = qkv_->bias,
            .mix_weight = mix_->weight,
            .mix_bias = mix_->bias,
            .rest = {.first_norm_weight = mix_norm_->weight,
                     .first_norm_bias = mix_norm_->bias,
                     .up_weight = up_->weight,
                     .up_bias = up_->bias,
                     .down_weight = down_->weight,
                     .down_bias = down_->bias,
                     .second_norm_weight = down_norm_->weight,
                     .second_norm_bias = down_norm_->bias,
                     .eps = kNormEps}};
  }

 private:
  // Row by row.
  Tensor finish(const Tensor& attended_RD, const Tensor& x_RD) {
    if (!is_training() && infers_on_gpu(x_RD)) {
      return norm_and_feed_forward(mix_(attended_RD), x_RD, weights().rest);
    }
    const Tensor mixed_RD = mix_norm_(drop(mix_(attended_RD)) + x_RD);
    return down_norm_(drop(down_(torch::gelu(up_(mixed_RD)))) + mixed_RD);
  }

  Tensor attend(const Tensor& x_TD, const PackedSequences& sequences) {
    const auto qkv =
        qkv_(x_TD).view({-1, 3, config_.heads, config_.width / config_.heads}).unbind(1);
    const AttentionOptions options{.dropout = is_training() ? config_.attention_dropout : 0,
                                   .seed = is_training() ? draw_seed() : 0};
    return packed_attention(qkv[0], qkv[1], qkv[2], sequences.offsets_S1, sequences.max_length,
                            options)
        .view({-1, config_.width});
  }

  Tensor drop(const Tensor& x_TD) {
    return is_training() ? seeded_dropout(x_TD, config_.hidden_dropout, draw_seed()) : x_TD;
  }

  SASRecConfig config_;
  nn::Linear qkv_, mix_;
  nn::LayerNorm mix_norm_;
  nn::Linear up_, down_;
  nn::LayerNorm down_norm_;
};

class SASRec : public SequenceModel {
 public:
  SASRec(const SASRecConfig& config, int64_t items, int64_t max_length)
      : config_(config),
        items_(register_module("items", nn::Embedding(items, config.width))),
        positions_(register_module("positions", nn::Embedding(max_length, config.width))),
        norm_(register_module("norm", layer_norm(config.width))) {
    for (int64_t i = 0; i < config.blocks; ++i) {
      blocks_.push_back(
          register_module(fmt::format("block{}", i), std::make_shared<Block>(config)));
    }
    initialise();
  }

  Tensor encode(const PackedSequences& sequences) override {
    Tensor x_TD = embed(sequences);
    for (const auto& block : blocks_) x_TD = block->forward(x_TD, sequences);
    return x_TD;
  }

  Tensor encode_last(const PackedSequences& sequences) override {
    if (!is_training() && infers_on_cpu(items_->weight)) return infer_last(sequences);
    Tensor x_TD = embed(sequences);
    for (size_t i = 0; i + 1 < blocks_.size(); ++i) x_TD = blocks_[i]->forward(x_TD, sequences);
    return blocks_.back()->forward_last(x_TD, sequences);
  }

  Tensor item_embedding() override { return items_->weight; }

  int64_t embedding_parameters() const override {
    return items_->weight.numel() + positions_->weight.numel();
  }

 private:
  Tensor embed(const PackedSequences& sequences) {
    if (!is_training() && infers_on_gpu(items_->weight)) {
      return embed_and_norm(embed_inputs(sequences));
    }
    const Tensor x_TD = norm_(items_(sequences.items_T) + positions_(sequences.positions_T));
    return is_training() ? seeded_dropout(x_TD, config_.hidden_dropout, draw_seed()) : x_TD;
  }

  EmbedAndNormInputs embed_inputs(const PackedSequences& sequences) const {
    return {.table_VD = items_->weight,
            .items_T = sequences.items_T,
            .positions_LD = positions_->weight,
            .positions_T = sequences.positions_T,
            .weight_D = norm_->weight,
            .bias_D = norm_->bias,
            .eps = kNormEps};
  }

  Tensor infer_last(const PackedSequences& sequences) {
    TransformerLastInputs in{.embed = embed_inputs(sequences),
                             .blocks = {},
                             .offsets_S1 = sequences.offsets_S1,
                             .heads = config_.heads};
    for (const auto& block : blocks_) in.blocks.push_back(block->weights());
    return transformer_last(in);
  }

  // Matrices from N(0, 0.02), biases 0; a LayerNorm starts as 1 and 0.
  void initialise() {
    const torch::NoGradGuard no_grad;
    for (const auto& entry : named_parameters()) {
      const Tensor& parameter = entry.value();
      if (parameter.dim() == 2) {
        parameter.normal_(0, 0.02);
      } else if (entry.key().ends_with("bias")) {
        parameter.zero_();
      }
    }
  }

  SASRecConfig config_;
  nn::Embedding items_, positions_;
  nn::LayerNorm norm_;
  std::vector<std::shared_ptr<Block>> blocks_;
};

std::shared_ptr<nn::Module> make(const SASRecConfig& config, const ModelContext& context) {
  if (config.width % config.heads != 0) {
    throw_input("model sasrec: width must be a multiple of heads; width is {}, heads is {}",
                config.width, config.heads);
  }
  torch::manual_seed(context.seed);
  auto model = std::make_shared<SASRec>(config, context.data.items(), context.data.max_length());
  model->to(context.device);
  return model;
}

const RegisterModel<SASRecConfig> kSASRec{
    "sasrec", "self-attention over the history (Kang & McAuley 2018)", "next_item", make};

}  // namespace

}  // namespace seqsweep
