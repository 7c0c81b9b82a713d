// State-space duality, the operator of Mamba-2 (Dao & Gu 2024), and its bidirectional form, the
// quasiseparable matrix of Hydra (Hwang et al. 2024), over sequences that lie end to end. Computed
// in chunks (section 6 of Dao & Gu); nothing of size [T, H, P, N] ever exists, and the backward
// recomputes all but the inputs. Decays are products of numbers <= 1: no exponent is positive.
// Legend: T tokens, H heads, P width of a head, G groups (H is a multiple of G; head h has group
// h / (H / G)), N state, S sequences.
#pragma once

#include <ATen/core/Tensor.h>

namespace seqsweep {

// One dtype: float or double on the CPU, float on CUDA. There all but A, D, dt_bias and states may
// be bfloat16, as y and their gradients then are; sums and what passes between chunks are float,
// but y and the gradient of x are rounded for the skip and again for each direction. Rows of tokens
// may be strided views with contiguous inner dimensions: slices of a projection need no copy (take
// them with split, whose backward is one cat).
struct SsdInputs {
  at::Tensor x_THP, dt_TH;  // dt before bias and softplus.
  at::Tensor A_H;           // Negative.
  at::Tensor B_TGN, C_TGN;
  at::Tensor D_H, dt_bias_H;
  at::Tensor offsets_S1;  // int32 on the same device, from 0 to T: s is [offsets[s], offsets[s+1]).
};

// With dt = softplus(dt + dt_bias) and a state [P, N] of zeros before each sequence:
//   state = exp(dt A) state + dt x B^T,  y = state C + D x.
// Returns y [T, H, P], contiguous. Gradients for all floating inputs. Same input, same bits.
at::Tensor ssd(const SsdInputs& inputs);
// The same as one matrix a sequence and head, written plainly: what tests compare with.
at::Tensor ssd_reference(const SsdInputs& inputs);

// The same without gradients. `state_SHPN` holds the state in which each sequence starts and,
// afterwards, the one in which it ended: a new event of a known user costs O(1).
at::Tensor ssd_from(const SsdInputs& inputs, at::Tensor& state_SHPN);

struct BidirectionalSsdInputs {
  at::Tensor x_THP, dt_forward_TH, dt_backward_TH;  // dt before bias and softplus.
  at::Tensor A_H;                                   // Negative; of both directions, as dt_bias.
  at::Tensor B_forward_TGN, C_forward_TGN, B_backward_TGN, C_backward_TGN;
  at::Tensor dt_bias_H, diagonal_TH;
  at::Tensor offsets_S1;
};

// y_t = diagonal_t x_t + C_forward[t-1] . (state of the tokens before t, in order)
//                      + C_backward[t+1] . (state of the tokens after t, from the end).
// Returns y [T, H, P], contiguous. Gradients for all floating inputs. Same input, same bits.
at::Tensor bidirectional_ssd(const BidirectionalSsdInputs& inputs);
// The same as two scans, flipped, moved one step on and added.
at::Tensor bidirectional_ssd_reference(const BidirectionalSsdInputs& inputs);

}  // namespace seqsweep
