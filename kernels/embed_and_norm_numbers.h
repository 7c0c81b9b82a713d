// From the tensors of embed_and_norm.h to the numbers of its CPU code, for the kernels that begin
// with it.
#pragma once

#include "kernels/embed_and_norm.h"
#include "kernels/embed_and_norm_cpu.h"
#include "kernels/held_numbers.h"

namespace seqsweep {

inline EmbedAndNormNumbers numbers_of(const EmbedAndNormInputs& in, HeldNumbers& held) {
  return {.table = held.of(in.table_VD),
          .positions = held.of(in.positions_LD),
          .weight = held.of(in.weight_D),
          .bias = held.of(in.bias_D),
          .items = held.of<int64_t>(in.items_T),
          .position_of = held.of<int64_t>(in.positions_T),
          .width = in.weight_D.numel(),
          .eps = static_cast<float>(in.eps)};
}

}  // namespace seqsweep
