// The CPU kernels behind selective_scan.h, on checked tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/selective_scan.h"

namespace seqsweep {

// What a forward keeps for its backward.
struct SelectiveScanKept {
  at::Tensor ungated_TE;  // C h + D x.
  at::Tensor
      checkpoints_PEN;  // States before each chunk: row offsets[s] / chunk + s + i of chunk i.
};

struct SelectiveScanGradients {
  at::Tensor x, dt, A, B, C, D, z, dt_bias;
};

// y [T, E]. `kept` is null when no backward follows. `state`, [S, E, N] contiguous, is where the
// sequences start and afterwards where they ended; null: they start from zeros.
at::Tensor selective_scan_forward_cpu(const SelectiveScanInputs& inputs, SelectiveScanKept* kept,
                                      const at::Tensor* state_SEN);

SelectiveScanGradients selective_scan_backward_cpu(const SelectiveScanInputs& inputs,
                                                   const SelectiveScanKept& kept,
                                                   const at::Tensor& d_y_TE);

}  // namespace seqsweep
