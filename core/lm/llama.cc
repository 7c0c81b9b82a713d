#include "core/lm/llama.h"

#include <numbers>

#include "core/base/error.h"
#include "core/lm/config_file.h"
#include "core/lm/named_weight.h"
#include "kernels/seeded_dropout.h"

namespace seqsweep {

namespace nn = torch::nn;
using torch::Tensor;

namespace {

// What turns the two halves of each head by its token's position.
struct Turn {
  Tensor cos_T1Q, sin_T1Q;  // Q = P / 2

  Tensor operator()(const Tensor& x_TGP) const {
    const auto halves = x_TGP.chunk(2, -1);
    return torch::cat(
        {halves[0] * cos_T1Q - halves[1] * sin_T1Q, halves[1] * cos_T1Q + halves[0] * sin_T1Q}, -1);
  }
};

double scaled(double frequency, const RopeScaling& scaling) {
  if (scaling.kind == RopeScaling::Kind::None) return frequency;
  if (scaling.kind == RopeScaling::Kind::Linear) return frequency / scaling.factor;
  // Waves short beside the original length stay, long ones slow down, between them smoothly.
  const double turns =
      static_cast<double>(scaling.original_max_length) * frequency / (2 * std::numbers::pi);
  const double low = scaling.low_frequency_factor, high = scaling.high_frequency_factor;
  if (turns > high) return frequency;
  if (turns < low) return frequency / scaling.factor;
  const double smooth = (turns - low) / (high - low);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

Tensor frequencies(const LlamaConfig& config) {
  std::vector<double> values;
  for (int64_t i = 0; i < config.head_width; i += 2) {
    const double exponent = static_cast<double>(i) / static_cast<double>(config.head_width);
    values.push_back(scaled(std::pow(config.rope_theta, -exponent), config.rope_scaling));
  }
  return torch::tensor(values, torch::kDouble);
}

}  // namespace

class Llama::Block : public nn::Module {
 public:
  explicit Block(const LlamaConfig& config) : config_(config) {
    input_norm_ = register_norm_weight(*this, "input_layernorm", config.width);
    const auto attention = register_module("self_attn", std::make_shared<nn::Module>());
    const auto project = [&](nn::Module& parent, const char* name, int64_t in, int64_t out,
                             bool bias) {
      return parent.register_module(
          name,
          std::make_shared<Projection>(in, out, bias, WeightOrder::OutIn, config.projections_on));
    };
    const int64_t of_heads = config.heads * config.head_width;
    const int64_t of_groups = config.groups * config.head_width;
    const bool bias = config.attention_bias;
    q_ = project(*attention, "q_proj", config.width, of_heads, bias);
    k_ = project(*attention, "k_proj", config.width, of_groups, bias);
    v_ = project(*attention, "v_proj", config.width, of_groups, bias);
    o_ = project(*attention, "o_proj", of_heads, config.width, bias);
    middle_norm_ = register_norm_weight(*this, "post_attention_layernorm", config.width);
    const auto mlp = register_module("mlp", std::make_shared<nn::Module>());
    gate_ = project(*mlp, "gate_proj", config.width, config.inner_width, false);
    up_ = project(*mlp, "up_proj", config.width, config.inner_width, false);
    down_ = project(*mlp, "down_proj", config.inner_width, config.width, false);
  }

  Tensor forward(const Tensor& x_TD, int64_t layer, const Turn& turn, Attention& attention) {
    const Tensor in_TD = norm(x_TD, input_norm_);
    const auto heads = [&](const std::shared_ptr<Projection>& projection) {
      return projection->forward(in_TD).view({in_TD.size(0), -1, config_.head_width});
    };
    const Tensor seen_THP = attention.attend(layer, turn(heads(q_)), turn(heads(k_)), heads(v_));
    const Tensor mixed_TD = x_TD + drop(o_->forward(seen_THP.flatten(1)));
    const Tensor out_TD = norm(mixed_TD, middle_norm_);
    const Tensor hidden = torch::silu(gate_->forward(out_TD)) * up_->forward(out_TD);
    return mixed_TD + drop(down_->forward(hidden));
  }

  bool in_few_bits() const { return q_->quantized(); }

 private:
  Tensor drop(const Tensor& x_TD) const {
    return is_training() ? seeded_dropout(x_TD, config_.dropout, draw_seed()) : x_TD;
  }
  Tensor norm(const Tensor& x_TD, const Tensor& weight_D) const {
    return torch::rms_norm(x_TD, weight_D.sizes(), weight_D, config_.eps);
  }

  const LlamaConfig config_;
  Tensor input_norm_, middle_norm_;
  std::shared_ptr<Projection> q_, k_, v_, o_, gate_, up_, down_;
};

Llama::Llama(const LlamaConfig& config) : config_(config) {
  const auto model = register_module("model", std::make_shared<nn::Module>());
  embedding_ =
      model->register_module("embed_tokens", nn::Embedding(config.vocabulary, config.width));
  const auto list = model->register_module("layers", std::make_shared<nn::Module>());
  for (int64_t i = 0; i < config.layers; ++i) {
    blocks_.push_back(list->register_module(fmt::format("{}", i), std::make_shared<Block>(config)));
  }
  last_norm_ = register_norm_weight(*model, "norm", config.width);
  if (!config.tied) {
    output_embedding_ =
        register_weight(*this, "lm_head", torch::empty({config.vocabulary, config.width}));
  }
  frequencies_ = frequencies(config);
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : parameters()) {
    if (parameter.dim() == 2) parameter.normal_(0, 0.02);
  }
}

bool Llama::in_few_bits() const {
  return blocks_.front()->in_few_bits();
}

Tensor Llama::output_embedding() {
  return config_.tied ? embedding_->weight : output_embedding_;
}

Tensor Llama::forward(const Tensor& tokens_T, const Tensor& positions_T,
                      const std::shared_ptr<Attention>& attention) {
  Tensor x_TD = embedding_(tokens_T);
  if (is_training()) x_TD = seeded_dropout(x_TD, config_.dropout, draw_seed());
  // As the published code, which multiplies in float32.
  const auto dtype = x_TD.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
  if (frequencies_.device() != x_TD.device()) {  // Moved once: a copy makes a forward wait.
    frequencies_ = frequencies_.to(x_TD.device());
  }
  const Tensor angles_T1Q =
      (positions_T.to(dtype).unsqueeze(1) * frequencies_.to(dtype)).unsqueeze(1);
  const Turn turn{angles_T1Q.cos().to(x_TD.scalar_type()), angles_T1Q.sin().to(x_TD.scalar_type())};
  for (int64_t i = 0; i < config_.layers; ++i) {
    x_TD = layer([this, i, turn, attention](
                     const Tensor& x) { return blocks_[i]->forward(x, i, turn, *attention); },
                 x_TD);
  }
  return torch::rms_norm(x_TD, last_norm_.sizes(), last_norm_, config_.eps);
}

int64_t Llama::embedding_parameters() const {
  return (config_.tied ? 1 : 2) * config_.vocabulary * config_.width;
}

namespace {

RopeScaling read_rope_scaling(const Json& rope) {
  const ConfigFile file(rope);
  const std::string kind = file.text("rope_type", file.text("type", "default"));
  if (kind == "default") return {};
  RopeScaling scaling{.factor = file.number("factor", 1)};
  if (kind == "linear") {
    scaling.kind = RopeScaling::Kind::Linear;
  } else if (kind == "llama3") {
    scaling.kind = RopeScaling::Kind::Llama3;
    scaling.low_frequency_factor = file.number("low_freq_factor", 1);
    scaling.high_frequency_factor = file.number("high_freq_factor", 4);
    scaling.original_max_length = file.size("original_max_position_embeddings", 8192);
  } else {
    throw_input("config.json: rope_scaling: type must be default, linear or llama3, is '{}'", kind);
  }
  return scaling;
}

Json rope_json(const RopeScaling& scaling, double theta) {
  Json json = {{"rope_theta", theta}, {"rope_type", "default"}};
  if (scaling.kind == RopeScaling::Kind::None) return json;
  json["factor"] = scaling.factor;
  json["rope_type"] = "linear";
  if (scaling.kind == RopeScaling::Kind::Llama3) {
    json["rope_type"] = "llama3";
    json["low_freq_factor"] = scaling.low_frequency_factor;
    json["high_freq_factor"] = scaling.high_frequency_factor;
    json["original_max_position_embeddings"] = scaling.original_max_length;
  }
  return json;
}

}  // namespace

LlamaConfig Llama::config_of(const Json& json) {
  const ConfigFile file(json);
  file.require("hidden_act", "silu", {"silu"});
  file.require_flag("mlp_bias", false);
  LlamaConfig config{.vocabulary = file.size("vocab_size"), .width = file.size("hidden_size")};
  config.layers = file.size("num_hidden_layers");
  config.heads = file.size("num_attention_heads");
  config.groups = file.has("num_key_value_heads")
                      ? file.divisor("num_key_value_heads", config.heads)
                      : config.heads;
  config.head_width = file.has("head_dim")
                          ? file.size("head_dim")
                          : config.width / file.divisor("num_attention_heads", config.width);
  if (config.head_width % 2 != 0) {
    throw_input("config.json: the width of a head must be even, is {}", config.head_width);
  }
  config.inner_width = file.size("intermediate_size");
  config.max_length = file.size("max_position_embeddings", 2048);
  config.eps = file.number("rms_norm_eps", 1e-6);
  config.tied = file.flag("tie_word_embeddings", false);
  config.attention_bias = file.flag("attention_bias", false);
  // Newer files keep both in rope_parameters, older ones in two places.
  config.rope_theta = file.number("rope_theta", 10000);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!file.has(key) || !json.at(key).is_object()) continue;
    config.rope_scaling = read_rope_scaling(json.at(key));
    config.rope_theta = ConfigFile(json.at(key)).number("rope_theta", config.rope_theta);
  }
  return config;
}

Json Llama::config_json() const {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", config_.vocabulary},
          {"hidden_size", config_.width},
          {"num_hidden_layers", config_.layers},
          {"num_attention_heads", config_.heads},
          {"num_key_value_heads", config_.groups},
          {"head_dim", config_.head_width},
          {"intermediate_size", config_.inner_width},
          {"max_position_embeddings", config_.max_length},
          {"rms_norm_eps", config_.eps},
          {"hidden_act", "silu"},
          {"attention_bias", config_.attention_bias},
          {"mlp_bias", false},
          {"rope_theta", config_.rope_theta},
          {"rope_parameters", rope_json(config_.rope_scaling, config_.rope_theta)},
          {"tie_word_embeddings", config_.tied}};
}

}  // namespace seqsweep
