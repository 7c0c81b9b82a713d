#include "core/lm/mamba2_lm.h"

#include <numeric>

#include "core/base/error.h"
#include "core/lm/config_file.h"
#include "core/lm/named_weight.h"
#include "core/train/packing.h"

namespace seqsweep {

namespace nn = torch::nn;
using torch::Tensor;

namespace {

SsdMixerConfig mixer_config(const Mamba2LmConfig& config) {
  SsdMixerConfig mixer;
  mixer.width = config.width;
  mixer.state = config.state;
  mixer.conv = config.conv;
  mixer.expand = config.expand;
  mixer.head_width = config.head_width;
  mixer.groups = config.groups;
  mixer.check("mamba2");
  return mixer;
}

}  // namespace

class Mamba2Lm::Block : public nn::Module {
 public:
  explicit Block(const Mamba2LmConfig& config)
      : norm(register_norm_weight(*this, "norm", config.width)),
        mixer(register_module("mixer", std::make_shared<Mamba2Mixer>(mixer_config(config)))) {}

  Tensor norm;
  std::shared_ptr<Mamba2Mixer> mixer;
};

Mamba2Lm::Mamba2Lm(const Mamba2LmConfig& config) : config_(config) {
  const auto backbone = register_module("backbone", std::make_shared<nn::Module>());
  embedding_ =
      backbone->register_module("embeddings", nn::Embedding(config.vocabulary, config.width));
  const auto list = backbone->register_module("layers", std::make_shared<nn::Module>());
  for (int64_t i = 0; i < config.layers; ++i) {
    blocks_.push_back(list->register_module(fmt::format("{}", i), std::make_shared<Block>(config)));
  }
  last_norm_ = register_norm_weight(*backbone, "norm_f", config.width);
  if (!config.tied) {
    output_embedding_ =
        register_weight(*this, "lm_head", torch::empty({config.vocabulary, config.width}));
  }
  // As the published code: embeddings from N(0, 0.02), what ends a branch smaller by sqrt(layers).
  const torch::NoGradGuard no_grad;
  embedding_->weight.normal_(0, 0.02);
  if (!config.tied) output_embedding_.normal_(0, 0.02);
  for (const auto& entry : named_parameters()) {
    if (!entry.key().ends_with("out_proj.weight")) continue;
    Tensor(entry.value()).div_(std::sqrt(static_cast<double>(config.layers)));
  }
}

Tensor Mamba2Lm::forward(const Tensor& tokens_T,
                         const std::function<Tensor(int64_t, const Tensor&)>& mix) {
  const auto norm = [this](const Tensor& x_TD, const Tensor& weight_D) {
    return torch::rms_norm(x_TD, weight_D.sizes(), weight_D, config_.eps);
  };
  Tensor x_TD = embedding_(tokens_T);
  for (int64_t i = 0; i < config_.layers; ++i) {
    x_TD =
        layer([=, this](const Tensor& x) { return x + mix(i, norm(x, blocks_[i]->norm)); }, x_TD);
  }
  return norm(x_TD, last_norm_);
}

Tensor Mamba2Lm::encode(const PackedSequences& texts) {
  return forward(texts.items_T, [this, texts](int64_t layer, const Tensor& x_TD) {
    return blocks_[layer]->mixer->forward(x_TD, texts);
  });
}

// The states of all layers, one a row.
class Mamba2Lm::States : public Continuation {
 public:
  States(Mamba2Lm& model, int64_t prompts) : model_(model) {
    for (const auto& block : model.blocks_) states_.push_back(block->mixer->begin(prompts));
  }

  Tensor read(const PackedSequences& next) {
    return model_.forward(next.items_T, [&](int64_t layer, const Tensor& x_TD) {
      return model_.blocks_[layer]->mixer->advance(x_TD, next, states_[layer]);
    });
  }

  Tensor advance(std::span<const int64_t> rows, std::span<const int64_t> tokens) override {
    const torch::NoGradGuard no_grad;
    const torch::Device device = model_.embedding_->weight.device();
    const Tensor from = sent(rows, device);
    for (SequenceState& state : states_) {
      for (Tensor& tensor : state) tensor = tensor.index_select(0, from);
    }
    std::vector<int32_t> next(tokens.begin(), tokens.end());
    std::vector<History> texts;
    for (const int32_t& token : next) texts.emplace_back(&token, 1);
    return read(pack(texts, 1, device));
  }

 private:
  Mamba2Lm& model_;
  std::vector<SequenceState> states_;  // Of each layer.
};

Begun Mamba2Lm::begin(const PackedSequences& prompts) {
  const torch::NoGradGuard no_grad;
  auto states = std::make_unique<States>(*this, std::ssize(prompts.host_offsets) - 1);
  const Tensor states_TD = states->read(prompts);
  return {states_TD.index_select(0, last_tokens(prompts)), std::move(states)};
}

Tensor Mamba2Lm::output_embedding() {
  return config_.tied ? embedding_->weight : output_embedding_;
}

int64_t Mamba2Lm::embedding_parameters() const {
  return (config_.tied ? 1 : 2) * config_.vocabulary * config_.width;
}

Mamba2LmConfig Mamba2Lm::config_of(const Json& json) {
  const ConfigFile file(json);
  file.require("hidden_act", "silu", {"silu"});
  file.require_flag("use_bias", false);
  file.require_flag("use_conv_bias", true);
  return {.vocabulary = file.size("vocab_size"),
          .width = file.size("hidden_size"),
          .layers = file.size("num_hidden_layers"),
          .state = file.size("state_size", 128),
          .conv = file.size("conv_kernel", 4),
          .expand = file.size("expand", 2),
          .head_width = file.size("head_dim", 64),
          .groups = file.size("n_groups", 1),
          .eps = file.number("layer_norm_epsilon", 1e-5),
          .tied = file.flag("tie_word_embeddings", true)};
}

Json Mamba2Lm::config_json() const {
  return {{"model_type", "mamba2"},
          {"architectures", {"Mamba2ForCausalLM"}},
          {"vocab_size", config_.vocabulary},
          {"hidden_size", config_.width},
          {"num_hidden_layers", config_.layers},
          {"state_size", config_.state},
          {"conv_kernel", config_.conv},
          {"expand", config_.expand},
          {"head_dim", config_.head_width},
          {"num_heads", config_.expand * config_.width / config_.head_width},
          {"n_groups", config_.groups},
          {"hidden_act", "silu"},
          {"use_bias", false},
          {"use_conv_bias", true},
          {"residual_in_fp32", false},
          {"layer_norm_epsilon", config_.eps},
          {"tie_word_embeddings", config_.tied}};
}

}  // namespace seqsweep
