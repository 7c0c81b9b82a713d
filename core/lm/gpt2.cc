#include "core/lm/gpt2.h"

#include "core/lm/config_file.h"
#include "kernels/seeded_dropout.h"

namespace seqsweep {

namespace nn = torch::nn;
using torch::Tensor;

namespace {

nn::LayerNorm layer_norm(const Gpt2Config& config) {
  return nn::LayerNorm(nn::LayerNormOptions({config.width}).eps(config.eps));
}

std::shared_ptr<Projection> conv1d(int64_t in, int64_t out) {
  return std::make_shared<Projection>(in, out, /*bias=*/true, WeightOrder::InOut);
}

}  // namespace

class Gpt2::Block : public nn::Module {
 public:
  explicit Block(const Gpt2Config& config)
      : heads_(config.heads),
        ln_1_(register_module("ln_1", layer_norm(config))),
        ln_2_(register_module("ln_2", layer_norm(config))) {
    const auto attention = register_module("attn", std::make_shared<nn::Module>());
    qkv_ = attention->register_module("c_attn", conv1d(config.width, 3 * config.width));
    mix_ = attention->register_module("c_proj", conv1d(config.width, config.width));
    const auto mlp = register_module("mlp", std::make_shared<nn::Module>());
    up_ = mlp->register_module("c_fc", conv1d(config.width, config.inner_width));
    down_ = mlp->register_module("c_proj", conv1d(config.inner_width, config.width));
  }

  Tensor forward(const Tensor& x_TD, int64_t layer, Attention& attention, const Gpt2& model) {
    const auto qkv = qkv_->forward(ln_1_(x_TD)).view({x_TD.size(0), 3, heads_, -1}).unbind(1);
    const Tensor seen_TD = attention.attend(layer, qkv[0], qkv[1], qkv[2]).view({x_TD.size(0), -1});
    const Tensor mixed_TD = x_TD + model.drop(mix_->forward(seen_TD));
    const Tensor hidden = torch::gelu(up_->forward(ln_2_(mixed_TD)), "tanh");
    return mixed_TD + model.drop(down_->forward(hidden));
  }

  bool in_few_bits() const { return qkv_->quantized(); }

 private:
  int64_t heads_;
  nn::LayerNorm ln_1_, ln_2_;
  std::shared_ptr<Projection> qkv_, mix_, up_, down_;
};

Gpt2::Gpt2(const Gpt2Config& config) : config_(config) {
  const auto transformer = register_module("transformer", std::make_shared<nn::Module>());
  token_embedding_ =
      transformer->register_module("wte", nn::Embedding(config.vocabulary, config.width));
  position_embedding_ =
      transformer->register_module("wpe", nn::Embedding(config.max_length, config.width));
  const auto list = transformer->register_module("h", std::make_shared<nn::Module>());
  for (int64_t i = 0; i < config.layers; ++i) {
    blocks_.push_back(list->register_module(fmt::format("{}", i), std::make_shared<Block>(config)));
  }
  last_norm_ = transformer->register_module("ln_f", layer_norm(config));

  // Matrices from N(0, 0.02), those that end a residual branch smaller by sqrt(2 layers).
  const torch::NoGradGuard no_grad;
  for (const auto& entry : named_parameters()) {
    if (entry.value().dim() != 2) continue;
    const bool ends_branch = entry.key().ends_with("c_proj.weight");
    const auto depth = static_cast<double>(2 * config.layers);
    Tensor(entry.value()).normal_(0, ends_branch ? 0.02 / std::sqrt(depth) : 0.02);
  }
}

bool Gpt2::in_few_bits() const {
  return blocks_.front()->in_few_bits();
}

Tensor Gpt2::drop(const Tensor& x) const {
  return is_training() ? seeded_dropout(x, config_.dropout, draw_seed()) : x;
}

Tensor Gpt2::forward(const Tensor& tokens_T, const Tensor& positions_T,
                     const std::shared_ptr<Attention>& attention) {
  Tensor x_TD = drop(token_embedding_(tokens_T) + position_embedding_(positions_T));
  for (int64_t i = 0; i < config_.layers; ++i) {
    x_TD = layer([this, i, attention](
                     const Tensor& x) { return blocks_[i]->forward(x, i, *attention, *this); },
                 x_TD);
  }
  return last_norm_(x_TD);
}

int64_t Gpt2::embedding_parameters() const {
  return token_embedding_->weight.numel() + position_embedding_->weight.numel();
}

Gpt2Config Gpt2::config_of(const Json& json, double dropout) {
  const ConfigFile file(json);
  file.require("activation_function", "gelu_new", {"gelu_new", "gelu_pytorch_tanh"});
  file.require_flag("tie_word_embeddings", true);
  file.require_flag("scale_attn_weights", true);
  file.require_flag("scale_attn_by_inverse_layer_idx", false);
  const auto width = file.size("n_embd");
  return {.vocabulary = file.size("vocab_size"),
          .width = width,
          .layers = file.size("n_layer"),
          .heads = file.divisor("n_head", width),
          .inner_width = file.size("n_inner", 4 * width),
          .max_length = file.size("n_positions"),
          .dropout = dropout,
          .eps = file.number("layer_norm_epsilon", 1e-5)};
}

Json Gpt2::config_json() const {
  return {{"model_type", "gpt2"},
          {"architectures", {"GPT2LMHeadModel"}},
          {"vocab_size", config_.vocabulary},
          {"n_embd", config_.width},
          {"n_layer", config_.layers},
          {"n_head", config_.heads},
          {"n_inner", config_.inner_width},
          {"n_positions", config_.max_length},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", config_.eps},
          {"tie_word_embeddings", true}};
}

}  // namespace seqsweep
