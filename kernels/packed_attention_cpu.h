// The CPU kernels behind packed_attention.h, on checked tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

#include "kernels/packed_attention.h"

namespace seqsweep {

// out [T, H, P] and the log of the softmax's sums, [T, H].
std::array<at::Tensor, 2> packed_attention_forward_cpu(
    const at::Tensor& q_THP, const at::Tensor& k_THP, const at::Tensor& v_THP,
    const at::Tensor& offsets_S1, int64_t max_length, const AttentionOptions& options);

// The gradients of q, k and v.
std::array<at::Tensor, 3> packed_attention_backward_cpu(
    const at::Tensor& q_THP, const at::Tensor& k_THP, const at::Tensor& v_THP,
    const at::Tensor& out_THP, const at::Tensor& log_sum_TH, const at::Tensor& d_out_THP,
    const at::Tensor& offsets_S1, int64_t max_length, const AttentionOptions& options);

}  // namespace seqsweep
