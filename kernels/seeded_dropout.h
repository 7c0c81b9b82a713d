// Dropout whose mask is a function of (seed, element): the backward recomputes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

// A seed drawn from torch's CPU generator: torch::manual_seed fixes what follows.
uint64_t draw_seed();

// Each element is 0 with the given probability in [0, 1), else scaled by 1 / (1 - probability).
// float, on the CPU also double, on CUDA also bfloat16; a GPU makes the bits of the CPU.
at::Tensor seeded_dropout(const at::Tensor& x, double probability, uint64_t seed);

}  // namespace seqsweep
