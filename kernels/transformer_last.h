// SASRec (Kang & McAuley 2018) for inference: from packed items to the state of each sequence's
// last one, in one pass over a sequence. Embeddings and LayerNorm (kernels/embed_and_norm.h);
// blocks of causal attention, y = x + W_mix attention(W_qkv x + b_qkv) + b_mix, and LayerNorm,
// feed-forward network, LayerNorm (kernels/norm_and_feed_forward.h); the last block of the last
// token only, for which neither keys nor values of the others are computed. Legend: T tokens of S
// packed sequences, D width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "kernels/embed_and_norm.h"
#include "kernels/norm_and_feed_forward.h"

namespace seqsweep {

struct TransformerBlock {
  at::Tensor qkv_weight, qkv_bias;  // [3 D, D], [3 D]: q, k and v, each head by head.
  at::Tensor mix_weight, mix_bias;  // [D, D], [D]
  NormAndFeedForward rest;
};

struct TransformerLastInputs {
  EmbedAndNormInputs embed;
  std::vector<TransformerBlock> blocks;  // At least one.
  at::Tensor offsets_S1;  // int32, from 0 to T: sequence s is [offsets[s], offsets[s+1]).
  int64_t heads = 1;
};

// [S, D]. No sequence may be empty. float on the CPU, without gradient. A sequence's bits do not
// depend on the others, nor on the number of threads.
at::Tensor transformer_last(const TransformerLastInputs& inputs);
// The same from the states of all tokens with ATen's operators, of any floating type: what tests
// compare with.
at::Tensor transformer_last_reference(const TransformerLastInputs& inputs);

}  // namespace seqsweep
