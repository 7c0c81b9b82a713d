// What closes a layer of a recommender, for inference: with n1 and n2 LayerNorms,
//   y = n1(x + added),  out = n2(y + W_down GELU(W_up y + b_up) + b_down),
// row by row, in one pass. Legend: R rows, D width, F inner width.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

struct NormAndFeedForward {
  at::Tensor first_norm_weight, first_norm_bias;  // [D]
  at::Tensor up_weight, up_bias;                  // [F, D], [F]
  at::Tensor down_weight, down_bias;              // [D, F], [D]
  at::Tensor second_norm_weight, second_norm_bias;
  double eps = 1e-12;  // Of both norms.
};

// added [R, D], undefined: none. Returns [R, D]; float, without gradient. On the CPU a row's bits
// do not depend on the others.
at::Tensor norm_and_feed_forward(const at::Tensor& x_RD, const at::Tensor& added_RD,
                                 const NormAndFeedForward& layer);
// The same with ATen's operators, of any floating type: what tests compare with, and what many rows
// run on a GPU.
at::Tensor norm_and_feed_forward_reference(const at::Tensor& x_RD, const at::Tensor& added_RD,
                                           const NormAndFeedForward& layer);

// Throws Error (Fault::Run) for `op` where the layer does not fit x.
void check_norm_and_feed_forward(const char* op, const at::Tensor& x_RD,
                                 const NormAndFeedForward& layer);

}  // namespace seqsweep
