// From the tensors of norm_and_feed_forward.h to the numbers of its CPU code, for the kernels that
// contain it.
#pragma once

#include "kernels/held_numbers.h"
#include "kernels/norm_and_feed_forward.h"
#include "kernels/norm_and_feed_forward_cpu.h"

namespace seqsweep {

inline NormAndFeedForwardNumbers numbers_of(const NormAndFeedForward& layer, HeldNumbers& held) {
  return {.first_norm_weight = held.of(layer.first_norm_weight),
          .first_norm_bias = held.of(layer.first_norm_bias),
          .up_weight = held.of(layer.up_weight),
          .up_bias = held.of(layer.up_bias),
          .down_weight = held.of(layer.down_weight),
          .down_bias = held.of(layer.down_bias),
          .second_norm_weight = held.of(layer.second_norm_weight),
          .second_norm_bias = held.of(layer.second_norm_bias),
          .width = layer.down_bias.numel(),
          .inner_width = layer.up_bias.numel(),
          .eps = static_cast<float>(layer.eps)};
}

}  // namespace seqsweep
