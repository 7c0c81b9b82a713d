// The CPU kernels behind lru_scan.h, on checked, contiguous tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/lru_scan.h"

namespace seqsweep {

// h_TE2 undefined: states are not stored. state_SE2 undefined: sequences start from zeros; else it
// is where they start and afterwards where they ended.
void lru_scan_forward_cpu(const LruScanInputs& inputs, const at::Tensor& h_TE2,
                          const at::Tensor& state_SE2);

struct LruScanGradients {
  at::Tensor x, lambda;
};

// From states that started from zeros, and their gradients.
LruScanGradients lru_scan_backward_cpu(const LruScanInputs& inputs, const at::Tensor& h_TE2,
                                       const at::Tensor& d_h_TE2);

}  // namespace seqsweep
