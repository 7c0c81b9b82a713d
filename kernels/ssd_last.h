// What state-space duality (kernels/ssd.h) reads from the last state of each sequence, alone: one
// row of its matrix instead of all, so a token costs O(N + P) where the whole costs O(N P). For
// scores of the next item, and for losses at the last item only.
// Legend: T tokens, H heads, P width of a head, G groups (head h has group h / (H / G)), N state,
// S sequences.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// One dtype: float or double on the CPU, float on CUDA. Rows of tokens may be strided views with
// contiguous inner dimensions.
struct SsdLastInputs {
  at::Tensor x_THP, dt_TH;  // dt before bias and softplus.
  at::Tensor A_H;           // Negative.
  at::Tensor B_TGN;
  at::Tensor C_SGN;  // What each sequence's last state is read with.
  at::Tensor dt_bias_H;
  at::Tensor offsets_S1;  // int32 on the same device, from 0 to T: s is [offsets[s], offsets[s+1]).
  int64_t unread = 0;     // So many tokens at the end of each sequence are not part of it.
};

// y_s = sum over the tokens t of s of exp(A (dt_{t+1} + ... + dt_last)) dt_t (C_s . B_t) x_t, with
// dt = softplus(dt + dt_bias): [S, H, P], contiguous; 0 where a sequence has no token. Gradients
// for all floating inputs. Same input, same bits.
at::Tensor ssd_last(const SsdLastInputs& inputs);
// The same from the definition: what tests compare with.
at::Tensor ssd_last_reference(const SsdLastInputs& inputs);

}  // namespace seqsweep
