#include "core/nn/ssd_mixer.h"

#include "core/nn/state_space_init.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr double kRmsNormEps = 1e-5;

nn::Linear linear(int64_t in, int64_t out) {
  return nn::Linear(nn::LinearOptions(in, out).bias(false));
}

}  // namespace

SsdMixer::SsdMixer(const SsdMixerConfig& config, const SsdMixerKind& kind)
    : config_(config),
      kind_(kind),
      channels_(config.inner() + 2 * kind.directions * config.shared()),
      in_proj_(register_module(
          "in_proj",
          linear(config.width, config.inner() + channels_ + kind.directions * config.heads()))),
      conv1d_(register_module(
          "conv1d",
          nn::Conv1d(nn::Conv1dOptions(channels_, channels_, config.conv).groups(channels_)))),
      dt_bias_(register_parameter("dt_bias", draw_dt_bias(config.heads()))),
      A_log_(register_parameter("A_log", kind.draw_A_log(config.heads()))),
      D_(register_parameter("D", torch::ones({config.heads()}))) {
  if (kind.learned_diagonal) {
    fc_D_ = register_module("fc_D", linear(config.inner(), config.heads()));
  }
  out_proj_ = register_module("out_proj", linear(config.inner(), config.width));
  const auto norm = register_module("norm", std::make_shared<nn::Module>());
  norm_weight_ = norm->register_parameter("weight", torch::ones({config.inner()}));
}

Tensor SsdMixer::forward_last(const Tensor& x_TD, const PackedSequences& sequences) {
  return ssd_mixer_last(x_TD, sequences.offsets_S1,
                        {.in_proj = in_proj_->weight,
                         .conv_weight_CK = conv_weight(),
                         .conv_bias_C = conv1d_->bias,
                         .dt_bias_H = dt_bias_,
                         .A_log_H = A_log_,
                         .D_H = D_,
                         .fc_D_HE = kind_.learned_diagonal ? fc_D_->weight : Tensor(),
                         .norm_weight_E = norm_weight_,
                         .out_proj_DE = out_proj_->weight,
                         .head_width = config_.head_width,
                         .groups = config_.groups,
                         .state = config_.state,
                         .delay = kind_.delay,
                         .span = kind_.span,
                         .order = kind_.order,
                         .norm_groups = kind_.norm_groups,
                         .norm_eps = kRmsNormEps});
}

SsdMixer::Projected SsdMixer::project(const Tensor& x_TD) {
  const auto parts = in_proj_(x_TD).split_with_sizes(
      {config_.inner(), channels_, kind_.directions * config_.heads()}, 1);
  return {parts[0], parts[1], parts[2]};
}

std::vector<Tensor> SsdMixer::convolve(const Tensor& mixed_TC,
                                       const PackedSequences& sequences) const {
  return split(
      conv1d_silu(mixed_TC, conv_weight(), conv1d_->bias, sequences.offsets_S1, kind_.span));
}

std::vector<Tensor> SsdMixer::split(const Tensor& convolved_TC) const {
  std::vector<int64_t> sizes(1 + 2 * kind_.directions, config_.shared());
  sizes[0] = config_.inner();
  return convolved_TC.split_with_sizes(sizes, 1);
}

Tensor SsdMixer::in_heads(const Tensor& x_RE) const {
  return x_RE.unflatten(1, {config_.heads(), config_.head_width});
}

Tensor SsdMixer::in_groups(const Tensor& x_RGN) const {
  return x_RGN.unflatten(1, {config_.groups, config_.state});
}

Tensor SsdMixer::diagonal(const Tensor& x_RE) {
  return kind_.learned_diagonal ? fc_D_(x_RE) + D_ : D_;
}

Tensor SsdMixer::leave(const Tensor& y_RHP, const Tensor& z_RE) {
  return out_proj_(rms_norm_gate(y_RHP.flatten(1), z_RE, norm_weight_, kind_.norm_groups,
                                 kRmsNormEps, kind_.order));
}

}  // namespace seqsweep
