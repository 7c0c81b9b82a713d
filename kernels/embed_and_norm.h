// How a recommender begins, for inference: the embeddings of items, where there are such plus those
// of their positions, and LayerNorm, in one pass. Legend: T tokens, D width, V items, L positions.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

struct EmbedAndNormInputs {
  at::Tensor table_VD, items_T;          // items: int64 in [0, V).
  at::Tensor positions_LD, positions_T;  // int64 in [0, L); both undefined: no positions.
  at::Tensor weight_D, bias_D;
  double eps = 1e-12;
};

// [T, D]; float, without gradient. A token's bits do not depend on the others.
at::Tensor embed_and_norm(const EmbedAndNormInputs& inputs);
// The same with ATen's operators, of any floating type: what tests compare with.
at::Tensor embed_and_norm_reference(const EmbedAndNormInputs& inputs);

// Throws Error (Fault::Run) for `op` where the inputs do not fit.
void check_embed_and_norm(const char* op, const EmbedAndNormInputs& inputs);

}  // namespace seqsweep
