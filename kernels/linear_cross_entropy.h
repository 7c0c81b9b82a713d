// Cross entropy over the scores of a large catalogue, h E^T + b, without ever holding all scores:
// a chunk of rows is scored, turned into gradients and forgotten before the next.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// hidden [N, D], embedding [V, D], bias [V] or undefined, targets [N] int64 in [0, V): the sum over
// the rows of -log softmax(hidden E^T + bias)[target], a scalar. The gradients come out of the same
// pass and are kept until the backward: [N, D] and [V, D]. float or double on the CPU.
at::Tensor linear_cross_entropy(const at::Tensor& hidden_ND, const at::Tensor& embedding_VD,
                                const at::Tensor& bias_V, const at::Tensor& targets_N);

at::Tensor linear_cross_entropy_reference(const at::Tensor& hidden_ND,
                                          const at::Tensor& embedding_VD, const at::Tensor& bias_V,
                                          const at::Tensor& targets_N);

}  // namespace seqsweep
