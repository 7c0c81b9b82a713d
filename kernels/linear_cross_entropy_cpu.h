// What linear_cross_entropy.cc asks of its CPU code.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

struct CrossEntropyInputs {
  at::Tensor hidden_ND, embedding_VD;  // Contiguous.
  at::Tensor bias_V;                   // Contiguous, or undefined: none.
  at::Tensor targets_N;                // int64, contiguous.
  // Of a sampled loss only. Then the embedding's rows are those of the items ids_V (int64), a row's
  // target scores own_N and is left out wherever it stands among them.
  at::Tensor own_N, ids_V;
};

// What was not asked for, or has no input, is undefined.
struct CrossEntropyPass {
  at::Tensor loss;  // A scalar.
  at::Tensor d_hidden, d_embedding, d_bias, d_own;
};

enum class Want { Loss, Gradients };

// float and double. The same bits for the same number of threads.
CrossEntropyPass cross_entropy_cpu(const CrossEntropyInputs& inputs, Want want);

}  // namespace seqsweep
