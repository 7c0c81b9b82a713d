// Causal multi-head self-attention over sequences that lie end to end, without padding (the
// tiling and the backward follow FlashAttention-2, Dao 2023). Neither the attention matrix nor the
// dropout mask is stored: the backward recomputes both.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

struct AttentionOptions {
  double dropout = 0;  // Of the attention probabilities, in [0, 1).
  uint64_t seed = 0;   // Of the dropout mask, which is a function of (seed, head, query, key).
};

// q, k, v [T, H, P], any strides with contiguous heads: views of one [T, 3, H, P] need no copy.
// offsets [S+1], int32 on the same device, from 0 to T: sequence s is tokens [offsets[s],
// offsets[s+1]), none longer than max_length. Returns softmax(q k^T / sqrt(P)) v, [T, H, P]
// contiguous. float and double on the CPU, float or bfloat16 on CUDA, where weights and sums are
// float all the same. Same input, same bits.
at::Tensor packed_attention(const at::Tensor& q_THP, const at::Tensor& k_THP,
                            const at::Tensor& v_THP, const at::Tensor& offsets_S1,
                            int64_t max_length, const AttentionOptions& options = {});

// The same, written plainly: what tests compare with. Makes the mask of the same seed.
at::Tensor packed_attention_reference(const at::Tensor& q_THP, const at::Tensor& k_THP,
                                      const at::Tensor& v_THP, const at::Tensor& offsets_S1,
                                      const AttentionOptions& options = {});

}  // namespace seqsweep
