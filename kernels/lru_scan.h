// The diagonal linear recurrence of Linear Recurrent Units (Orvieto et al. 2023, section 3) over
// sequences that lie end to end. Per channel, with complex numbers:
//   h_t = lambda h_{t-1} + x_t.
// A row holds the real parts of its E numbers, then the imaginary ones, so that the projections
// around the recurrence are real matrices. Legend: T tokens, E channels, S sequences.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// float, on the CPU also double. On CUDA x may be bfloat16, as h and its gradient then are, rounded
// from float; lambda, states and last states stay float.
struct LruScanInputs {
  at::Tensor x_TE2;       // [T, 2 E]: real parts, imaginary parts.
  at::Tensor lambda_2E;   // [2, E]: likewise. |lambda| < 1, or states grow.
  at::Tensor offsets_S1;  // int32, from 0 to T: sequence s is tokens [offsets[s], offsets[s+1]).
};

// h [T, 2 E], contiguous, with gradients for x and lambda. Every sequence starts from zeros and may
// be empty; its states do not depend on what else is in the pack. Same input, same thread count:
// same bits. Throws Error (Fault::Run) where shapes, dtypes or offsets do not fit.
at::Tensor lru_scan(const LruScanInputs& inputs);

// The same, written plainly, a step at a time: what tests compare with.
at::Tensor lru_scan_reference(const LruScanInputs& inputs);

// Without gradient. state [S, 2 E] is where each sequence starts and, afterwards, where it ended.
at::Tensor lru_scan_from(const LruScanInputs& inputs, at::Tensor& state_SE2);

// Without gradient: the last states alone, [S, 2 E], from zeros; the others are never stored. Zeros
// where a sequence is empty.
at::Tensor lru_scan_last(const LruScanInputs& inputs);

}  // namespace seqsweep
