// AdamW (Loshchilov & Hutter 2019) whose states take 8 bits a number, block by block (Dettmers et
// al. 2022, as in bitsandbytes): a block of 256 numbers is a scale, its largest absolute value, and
// codes of the nearest of 256 fixed numbers, times it. Legend: P parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

constexpr int64_t kStateBlock = 256;

// [2, 256], float32, rising: for means, from -0.993 to 1, and for mean squares, from 0 to 1.
// Dynamic maps: a decade 10^(i - 6), i = 0 .. 6, is cut into 2^i parts (2^(i + 1) without a sign)
// between 0.1 and 1 times it, whose middles are the numbers (and, with a sign, their negatives); 0
// and 1 are two more. Large numbers are thus told apart finely, small ones coarsely but over seven
// decades.
at::Tensor state_codebooks(c10::Device device);

struct BlockwiseAdamW {
  at::Tensor values, gradients;           // [P], float32
  at::Tensor mean_codes, square_codes;    // [P], uint8
  at::Tensor mean_scales, square_scales;  // [P / 256, rounded up], float32. All 0: as at the start.
  at::Tensor codebooks;                   // state_codebooks()
};

struct AdamWRule {
  double lr = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  int64_t step = 1;  // From 1.
};

// One update of all but gradients and codebooks; the states are rounded after it has used them. A
// block depends on itself alone: the same bits whatever else there is and on every call. Throws
// Error (Fault::Run) on tensors that do not fit.
void blockwise_adamw_step(const BlockwiseAdamW& tensors, const AdamWRule& rule);

}  // namespace seqsweep
