// Depthwise convolution along each of the sequences that lie end to end, plus bias, then SiLU, as
// the state-space mixers apply it (Mamba: Gu & Dao 2023; Hydra, centred: Hwang et al. 2024):
//   y_t = SiLU(bias + sum_k weight_k x_{t + k - before}), zeros outside of the sequence.
// Legend: T tokens, C channels, K kernel width, S sequences.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

enum class ConvSpan {
  Causal,   // K-1 tokens before and the token itself.
  Centred,  // K/2 tokens on both sides; K is odd.
};

// x [T, C]: rows may be strided, their numbers lie together. weight [C, K], bias [C]. offsets
// [S+1], int32, from 0 to T: sequence s is tokens [offsets[s], offsets[s+1]) and may be empty.
// Returns [T, C], contiguous, with gradients for x, weight and bias. float, on the CPU also double;
// on CUDA x may be bfloat16, as y and its gradient then are, beside a weight and bias in float.
// Same input, same thread count: same bits. Throws Error (Fault::Run) where something does not fit.
at::Tensor conv1d_silu(const at::Tensor& x_TC, const at::Tensor& weight_CK,
                       const at::Tensor& bias_C, const at::Tensor& offsets_S1, ConvSpan span);

// The same, written plainly: what tests compare with.
at::Tensor conv1d_silu_reference(const at::Tensor& x_TC, const at::Tensor& weight_CK,
                                 const at::Tensor& bias_C, const at::Tensor& offsets_S1,
                                 ConvSpan span);

// Causal, without gradient. tail [S, K-1, C]: the inputs before each sequence (zeros at its true
// start), replaced by its last K-1.
at::Tensor conv1d_silu_from(const at::Tensor& x_TC, const at::Tensor& weight_CK,
                            const at::Tensor& bias_C, const at::Tensor& offsets_S1,
                            at::Tensor& tail_SKC);

}  // namespace seqsweep
