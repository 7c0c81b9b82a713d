// Cross entropy over the scores of a large catalogue, h E^T + b, without ever holding all scores:
// a chunk of rows is scored, turned into gradients and forgotten before the next.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// hidden [N, D], embedding [V, D], bias [V] or undefined, targets [N] int64 in [0, V): the sum over
// the rows of -log softmax(hidden E^T + bias)[target], a scalar. The gradients come out of the same
// pass and are kept until the backward: [N, D] and [V, D]. float, on the CPU also double; there a
// thread takes room for the scores of 96 rows and for a [V, D] sum: fewer threads work on a
// catalogue so large that this would exceed 768 MB. The same number of threads gives the same bits.
// On CUDA a chunk is 32 MB of scores, at least 256 rows; a target that is no item makes the loss
// NaN. There hidden may be bfloat16, as its gradient then is, beside an embedding and bias in
// float, as theirs: the products take the embedding and the gradients of scores rounded to
// bfloat16, all sums, scores and the loss are float.
at::Tensor linear_cross_entropy(const at::Tensor& hidden_ND, const at::Tensor& embedding_VD,
                                const at::Tensor& bias_V, const at::Tensor& targets_N);

at::Tensor linear_cross_entropy_reference(const at::Tensor& hidden_ND,
                                          const at::Tensor& embedding_VD, const at::Tensor& bias_V,
                                          const at::Tensor& targets_N);

// The same against a sample of the items, negatives [M] int64 in [0, V), which all rows share: with
// s the scores of a row and t its target, -s_t + log(e^s_t + sum of e^(s_j - log_expected_j) over
// the negatives j != t). log_expected [M]: the logarithm of how many times the item was expected
// among the negatives (log M q for M draws from q). Then the sum is an unbiased estimate of the
// softmax's denominator (importance sampling, Bengio and Senecal 2008); the target is there for
// certain, not by chance, and is not corrected. All items once with log_expected 0: the full loss.
at::Tensor sampled_cross_entropy(const at::Tensor& hidden_ND, const at::Tensor& embedding_VD,
                                 const at::Tensor& bias_V, const at::Tensor& targets_N,
                                 const at::Tensor& negatives_M, const at::Tensor& log_expected_M);

at::Tensor sampled_cross_entropy_reference(const at::Tensor& hidden_ND,
                                           const at::Tensor& embedding_VD, const at::Tensor& bias_V,
                                           const at::Tensor& targets_N,
                                           const at::Tensor& negatives_M,
                                           const at::Tensor& log_expected_M);

}  // namespace seqsweep
