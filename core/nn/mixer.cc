#include "core/nn/mixer.h"

#include "core/base/error.h"

namespace seqsweep {

SequenceState Mixer::begin(int64_t) {
  throw_run("mixer {}: has no state to carry on", name());
}

torch::Tensor Mixer::advance(const torch::Tensor&, const PackedSequences&, SequenceState&) {
  throw_run("mixer {}: has no state to carry on", name());
}

}  // namespace seqsweep
