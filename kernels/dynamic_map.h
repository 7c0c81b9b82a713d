// The 8-bit numbers of block-wise quantisation (Dettmers et al. 2022): more of them lie near zero,
// where each exponent has its own share of fractions.
#pragma once

#include <array>

namespace seqsweep {

// 256 numbers, ascending, from -1 (signed) or 0 to 1: what an 8-bit code stands for.
std::array<float, 256> dynamic_map(bool is_signed);

}  // namespace seqsweep
