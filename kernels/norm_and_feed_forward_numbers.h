// From the tensors of norm_and_feed_forward.h to the numbers of its CPU code, for the kernels that
// contain it.
#pragma once

#include "kernels/held_numbers.h"
#include "kernels/norm_and_feed_forward.h"
#include "kernels/norm_and_feed_forward_cpu.h"

namespace seqsweep {

inline LinearNumbers numbers_of(const at::Tensor& weight, const at::Tensor& bias,
                                HeldNumbers& held) {
  return {held.of(weight), held.of(bias), weight.size(0), weight.size(1)};
}

inline NormAndFeedForwardNumbers numbers_of(const NormAndFeedForward& layer, HeldNumbers& held) {
  return {.first_norm_weight = held.of(layer.first_norm_weight),
          .first_norm_bias = held.of(layer.first_norm_bias),
          .up = numbers_of(layer.up_weight, layer.up_bias, held),
          .down = numbers_of(layer.down_weight, layer.down_bias, held),
          .second_norm_weight = held.of(layer.second_norm_weight),
          .second_norm_bias = held.of(layer.second_norm_bias),
          .eps = static_cast<float>(layer.eps)};
}

}  // namespace seqsweep
