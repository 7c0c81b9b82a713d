#include "core/nn/mamba2_mixer.h"

namespace seqsweep {

namespace {

using torch::Tensor;

// A from U(1, 16), as the published code starts.
Tensor draw_A_log(int64_t heads) {
  return torch::empty({heads}).uniform_(1, 16).log_();
}

}  // namespace

Mamba2Mixer::Mamba2Mixer(const SsdMixerConfig& config)
    : SsdMixer(config, {.directions = 1,
                        .delay = 0,
                        .learned_diagonal = false,
                        .span = ConvSpan::Causal,
                        .order = GateOrder::GateFirst,
                        .norm_groups = config.groups,
                        .draw_A_log = draw_A_log}) {}

Tensor Mamba2Mixer::forward(const Tensor& x_TD, const PackedSequences& sequences) {
  const Projected in = project(x_TD);
  return leave(ssd(inputs(convolve(in.mixed_TC, sequences), in.dt_TH, sequences)), in.z_TE);
}

SequenceState Mamba2Mixer::begin(int64_t sequences) {
  const auto options = D_.options().requires_grad(false);
  return {torch::zeros({sequences, config_.conv - 1, channels_}, options),
          torch::zeros({sequences, config_.heads(), config_.head_width, config_.state}, options)};
}

Tensor Mamba2Mixer::advance(const Tensor& x_TD, const PackedSequences& next, SequenceState& state) {
  const Projected in = project(x_TD);
  const auto convolved =
      split(conv1d_silu_from(in.mixed_TC, conv_weight(), conv1d_->bias, next.offsets_S1, state[0]));
  return leave(ssd_from(inputs(convolved, in.dt_TH, next), state[1]), in.z_TE);
}

SsdInputs Mamba2Mixer::inputs(const std::vector<Tensor>& convolved, const Tensor& dt_TH,
                              const PackedSequences& sequences) const {
  return {.x_THP = in_heads(convolved[0]),
          .dt_TH = dt_TH,
          .A_H = A(),
          .B_TGN = in_groups(convolved[1]),
          .C_TGN = in_groups(convolved[2]),
          .D_H = D_,
          .dt_bias_H = dt_bias_,
          .offsets_S1 = sequences.offsets_S1};
}

}  // namespace seqsweep
