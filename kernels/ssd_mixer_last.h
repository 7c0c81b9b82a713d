// A whole mixer made of state-space duality, Mamba-2's (Dao & Gu 2024) or Hydra's (Hwang et al.
// 2024), for the last token of each sequence alone: projection, convolution and SiLU
// (kernels/conv1d_silu.h), what is read in the forward direction (kernels/ssd_last.h: nothing comes
// after the last token), norm and gate (kernels/rms_norm_gate.h), projection back.
// Legend: T tokens of S packed sequences, D width, H heads of width P, E = H P, G groups, N state,
// K convolution width; C = E + 2 G N a direction: channels of the convolution.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "kernels/conv1d_silu.h"
#include "kernels/rms_norm_gate.h"

namespace seqsweep {

struct SsdMixerWeights {
  at::Tensor in_proj;  // [E + C + H a direction, D]: to z; x, then B and C of each; dt of each.
  at::Tensor conv_weight_CK, conv_bias_C;
  at::Tensor dt_bias_H, A_log_H;  // A = -exp(A_log).
  at::Tensor D_H, fc_D_HE;  // A token's own x counts D + fc_D x times; fc_D undefined: D times.
  at::Tensor norm_weight_E, out_proj_DE;
  int64_t head_width = 1, groups = 1, state = 1;
  int64_t delay = 0;  // So many tokens before the last one ends the state that is read.
  ConvSpan span = ConvSpan::Causal;
  GateOrder order = GateOrder::GateFirst;
  int64_t norm_groups = 1;
  double norm_eps = 1e-5;
};

// x [T, D], offsets [S+1] int32, from 0 to T: sequence s is [offsets[s], offsets[s+1]), not empty.
// Returns [S, D]. With gradients for all floating inputs it is made of its parts; without them, in
// float on the CPU, one pass over each sequence computes no more than is read, and a sequence's
// bits do not depend on the others, nor on the number of threads. On a GPU up to 2048 tokens take
// four launches, more are made of the parts.
at::Tensor ssd_mixer_last(const at::Tensor& x_TD, const at::Tensor& offsets_S1,
                          const SsdMixerWeights& weights);
// Made of its parts: what tests compare with.
at::Tensor ssd_mixer_last_by_parts(const at::Tensor& x_TD, const at::Tensor& offsets_S1,
                                   const SsdMixerWeights& weights);

}  // namespace seqsweep
