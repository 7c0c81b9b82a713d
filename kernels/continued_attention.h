// Attention of tokens that are written behind prompts, one a row and step: each sees its prompt,
// whose keys and values all rows that continue it share, and what was written in its row, itself
// among it. For inference: no gradient. Legend: R rows, H heads of width P, G groups of heads that
// share keys and values, T tokens of S packed prompts, L room for written tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

// float, on the CPU also double, all on one device; the numbers of a head lie together.
struct ContinuedAttentionInputs {
  at::Tensor q_RHP;
  at::Tensor prompt_k_TGP, prompt_v_TGP;
  at::Tensor offsets_S1;  // int32: prompt s is tokens [offsets[s], offsets[s+1]).
  at::Tensor prompt_R;    // int64: which prompt a row continues.
  at::Tensor written_k_RLGP, written_v_RLGP;
  int64_t written = 0;  // Tokens of a row that count, at least 1.
};

// softmax(q k^T / sqrt(P)) v, [R, H, P] contiguous. Same input, same bits.
at::Tensor continued_attention(const ContinuedAttentionInputs& in);

// The same, written plainly: what tests compare with.
at::Tensor continued_attention_reference(const ContinuedAttentionInputs& in);

}  // namespace seqsweep
