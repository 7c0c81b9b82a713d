#include "core/nn/mixer.h"

#include "core/base/error.h"
#include "core/train/packing.h"

namespace seqsweep {

torch::Tensor Mixer::forward_last(const torch::Tensor& x_TD, const PackedSequences& sequences) {
  return forward(x_TD, sequences).index_select(0, last_tokens(sequences));
}

SequenceState Mixer::begin(int64_t) {
  throw_run("mixer {}: has no state to carry on", name());
}

torch::Tensor Mixer::advance(const torch::Tensor&, const PackedSequences&, SequenceState&) {
  throw_run("mixer {}: has no state to carry on", name());
}

}  // namespace seqsweep
