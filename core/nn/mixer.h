// A mixer lets the positions of a sequence see each other: the part in which Mamba, Mamba-2 and
// Hydra differ. Everything around it is shared (core/nn/mixer_recommender.h).
// Legend: T tokens of S packed sequences, D width.
#pragma once

#include <torch/nn/module.h>

#include "core/train/model.h"

namespace seqsweep {

class Mixer : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x_TD, const PackedSequences& sequences) = 0;

  // The last token of each sequence only, [S, D]: equal to those rows of forward(), at less cost
  // where a mixer knows how.
  virtual torch::Tensor forward_last(const torch::Tensor& x_TD, const PackedSequences& sequences);

  // Whether a token sees only itself and those before.
  virtual bool causal() const = 0;

  // For a mixer that can carry its state on; without gradient. begin: of S sequences that have not
  // begun. advance: forward() of the next tokens of each; the state is updated in place.
  virtual bool recurrent() const { return false; }
  virtual SequenceState begin(int64_t sequences);
  virtual torch::Tensor advance(const torch::Tensor& x_TD, const PackedSequences& next,
                                SequenceState& state);
};

}  // namespace seqsweep
