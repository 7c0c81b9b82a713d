// The selective scan of Mamba-1 (Gu & Dao 2023, section 3.2 and algorithm 2) over sequences that
// lie end to end. With d_t = softplus(dt_t + dt_bias), per channel e and state n:
//   h_t = exp(d_t A) h_{t-1} + d_t x_t B_t,   y_t = (C_t . h_t + D x_t) SiLU(z_t).
// No [T, E, N] is stored: the states at the start of every chunk of tokens are, and the backward
// recomputes those between. Legend: T tokens, E inner channels, N state, S sequences.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// float, on the CPU also double. On CUDA x, dt, B, C and z may be bfloat16, as y and their
// gradients then are; A, D, dt_bias, states and all sums stay float. Rows of x, dt, z, B and C may
// be strided, so halves of one product need no copy; their numbers lie together.
struct SelectiveScanInputs {
  at::Tensor x_TE, dt_TE;  // dt: before softplus and bias.
  at::Tensor A_EN;         // Not positive: states decay. Only the CPU checks it.
  at::Tensor B_TN, C_TN;
  at::Tensor D_E, z_TE, dt_bias_E;
  at::Tensor offsets_S1;  // int32, from 0 to T: sequence s is tokens [offsets[s], offsets[s+1]).
};

// y [T, E], contiguous, with gradients for all floating inputs. Every sequence starts from zeros
// and may be empty; its outputs do not depend on what else is in the pack. Same input, same thread
// count: same bits. Throws Error (Fault::Run) where shapes, dtypes or offsets do not fit.
at::Tensor selective_scan(const SelectiveScanInputs& inputs);

// The same, written plainly, a step at a time: what tests compare with.
at::Tensor selective_scan_reference(const SelectiveScanInputs& inputs);

// Without gradient. state [S, E, N] is where each sequence starts and, afterwards, where it ended:
// one new event costs O(1).
at::Tensor selective_scan_from(const SelectiveScanInputs& inputs, at::Tensor& state_SEN);

}  // namespace seqsweep
