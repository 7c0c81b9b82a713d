// RMSNorm (Zhang & Sennrich 2019) and the gate SiLU(z) in one pass, as they close the mixers of
// Mamba-2 and Hydra. The backward recomputes the norm. Legend: T tokens, E width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

enum class GateOrder {
  GateFirst,  // Mamba-2: norm(y SiLU(z)).
  NormFirst,  // Hydra: norm(y) SiLU(z).
};

// y, z [T, E], rows may be strided, weight [E]; the E numbers of a row are `groups` groups, each
// normalised by itself: v / sqrt(mean(v^2) + eps) * weight. float and double on the CPU, float or
// bfloat16 on CUDA, there with a weight in float, as its gradient and all sums are. Returns [T, E],
// contiguous. Gradients of y, z and weight. Same input, same bits.
at::Tensor rms_norm_gate(const at::Tensor& y_TE, const at::Tensor& z_TE, const at::Tensor& weight_E,
                         int64_t groups, double eps, GateOrder order);

// The same, written plainly: what tests compare with.
at::Tensor rms_norm_gate_reference(const at::Tensor& y_TE, const at::Tensor& z_TE,
                                   const at::Tensor& weight_E, int64_t groups, double eps,
                                   GateOrder order);

}  // namespace seqsweep
