// The settings that the mixers made of state-space duality share: Mamba-2's and Hydra's.
#pragma once

#include <string_view>

#include "core/base/error.h"
#include "core/nn/mixer_recommender.h"

namespace seqsweep {

struct SsdMixerConfig : MixerRecommenderConfig {
  int64_t state = 64, conv = 4, expand = 2, head_width = 64, groups = 1;

  void fields(auto&& field) {
    MixerRecommenderConfig::fields(field);
    field("state", state, "numbers in a channel's state, in each direction (N)", at_least(1));
    field("conv", conv, "items that the convolution sees (K); odd where it is centred",
          at_least(1));
    field("expand", expand, "inner channels are so many times the width", at_least(1));
    field("head_width", head_width, "inner channels of a head (P)", at_least(1));
    field("groups", groups, "groups of heads; the heads of one share B and C", at_least(1));
  }

  int64_t inner() const { return expand * width; }        // E
  int64_t heads() const { return inner() / head_width; }  // H
  int64_t shared() const { return groups * state; }       // Numbers of B, and of C, a token.

  // Throws Error (Fault::Input) where heads and groups do not fit.
  void check(std::string_view model) const {
    if (inner() % head_width == 0 && heads() % groups == 0) return;
    throw_input(
        "model {}: head_width must divide expand * width, and groups the heads; expand * width is "
        "{}, head_width {}, groups {}",
        model, inner(), head_width, groups);
  }
};

}  // namespace seqsweep
