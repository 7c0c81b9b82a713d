// What the mixers made of state-space duality share, Mamba-2's (Dao & Gu 2024) and Hydra's (Hwang
// et al. 2024): a projection to the gate z, to what a short convolution passes over (x, then B and
// C of each direction) and to a dt of each direction; the operator itself; norm, gate and the
// projection back. Legend: T tokens, D width, E inner channels, H heads of width P, G groups that
// share B and C, N state, K convolution width, S sequences, R rows.
#pragma once

#include <torch/nn/modules/conv.h>

#include "core/nn/ssd_mixer_config.h"
#include "kernels/ssd_mixer_last.h"

namespace seqsweep {

// In what they differ.
struct SsdMixerKind {
  int64_t directions;     // 1: forward; 2: also backward.
  int64_t delay;          // So many tokens before its own ends the state that a token reads.
  bool learned_diagonal;  // A token's own x counts D + fc_D(x) times, else D times.
  ConvSpan span;
  GateOrder order;
  int64_t norm_groups;
  torch::Tensor (*draw_A_log)(int64_t heads);
};

class SsdMixer : public Mixer {
 public:
  torch::Tensor forward_last(const torch::Tensor& x_TD, const PackedSequences& sequences) override;

 protected:
  SsdMixer(const SsdMixerConfig& config, const SsdMixerKind& kind);

  // Slices of one projection; `mixed` is x and every B and C before the convolution.
  struct Projected {
    torch::Tensor z_TE, mixed_TC, dt_TH;  // dt: the heads of one direction, then of the other.
  };
  Projected project(const torch::Tensor& x_TD);
  // x, then B and C of each direction, behind the convolution.
  std::vector<torch::Tensor> convolve(const torch::Tensor& mixed_TC,
                                      const PackedSequences& sequences) const;
  std::vector<torch::Tensor> split(const torch::Tensor& convolved_TC) const;
  torch::Tensor in_heads(const torch::Tensor& x_RE) const;
  torch::Tensor in_groups(const torch::Tensor& x_RGN) const;
  torch::Tensor conv_weight() const { return conv1d_->weight.squeeze(1); }  // [C, K]
  torch::Tensor A() const { return -A_log_.exp(); }
  torch::Tensor diagonal(const torch::Tensor& x_RE);  // [H], or [R, H] where it is learned.
  torch::Tensor leave(const torch::Tensor& y_RHP, const torch::Tensor& z_RE);

  const SsdMixerConfig config_;
  const SsdMixerKind kind_;
  const int64_t channels_;  // That the convolution passes over: C.
  torch::nn::Linear in_proj_;
  torch::nn::Conv1d conv1d_;
  torch::Tensor dt_bias_, A_log_, D_;

 private:
  torch::nn::Linear fc_D_{nullptr}, out_proj_{nullptr};
  torch::Tensor norm_weight_;
};

}  // namespace seqsweep
