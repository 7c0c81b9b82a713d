// The CPU code behind ssd_mixer_last.h: one sequence at a time, in scratch that serves them all.
// Legend: L tokens of a sequence, D width, H heads of width P, E = H P, G groups, N state; a panel
// has a column a token (kernels/panel.h).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/panel_ops.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/ssd_last_weights.h"

namespace seqsweep {

// Contiguous, as in SsdMixerWeights; fc_D may be null. The weights of its projection by what they
// project to, of the forward direction.
struct SsdMixerNumbers {
  const float *z_weight, *mixed_weight, *dt_weight;  // mixed: x, B, C.
  const float *conv_weight, *conv_bias, *dt_bias, *A_log, *D, *fc_D, *norm_weight, *out_proj;
  int64_t width, heads, head_width, groups, state, conv_width, before, delay, norm_groups;
  GateOrder order;
  float norm_eps;
  int64_t inner() const { return heads * head_width; }
  int64_t shared() const { return groups * state; }
};

class SsdMixerLastTask {
 public:
  // For sequences of at most `max_length` tokens.
  SsdMixerLastTask(const SsdMixerNumbers& in, const PanelOps& ops, int64_t max_length);
  void run(const float* x_LD, int64_t length, float* y_D);

 private:
  // Channels [first, first + count) behind convolution and SiLU, of the tokens from `column` on.
  void convolve(int64_t first, int64_t count, int64_t column, int64_t columns, Rows<float> to);
  void read_with_C(int64_t length, int64_t columns);
  // What a head gives for the last token.
  void read_head(int64_t head, int64_t length);
  void leave(const float* last_D, float* y_D);

  const SsdMixerNumbers& in_;
  const PanelOps& ops_;
  int64_t margin_;  // Columns of zeros on both sides of what the convolution passes over.
  Panel x_DL_, projected_, x_and_B_, C_, dt_HL_, read_GL_;
  std::vector<float> C_GN_, weight_L_, own_H_, last_x_E_, y_E_, z_E_, gated_E_;
  SsdLastWeights<float> weights_;
};

}  // namespace seqsweep
