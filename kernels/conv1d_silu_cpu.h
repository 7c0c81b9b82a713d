// The CPU kernels behind conv1d_silu.h, on checked tensors.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

struct Conv1dSiluInputs {
  at::Tensor x_TC, weight_CK, bias_C, offsets_S1;
  int64_t before = 0;  // Tokens that a window reaches back.
};

struct Conv1dSiluGradients {
  at::Tensor x, weight, bias;
};

// `tail`, [S, K-1, C] contiguous, lies before the sequences and is moved on; null: zeros.
at::Tensor conv1d_silu_forward_cpu(const Conv1dSiluInputs& inputs, const at::Tensor* tail_SKC);

Conv1dSiluGradients conv1d_silu_backward_cpu(const Conv1dSiluInputs& inputs,
                                             const at::Tensor& d_y_TC);

}  // namespace seqsweep
