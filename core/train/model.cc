#include "core/train/model.h"

#include "core/base/error.h"
#include "core/train/packing.h"

namespace seqsweep {

torch::Tensor SequenceModel::encode_last(const PackedSequences& sequences) {
  return encode(sequences).index_select(0, last_tokens(sequences));
}

SequenceState SequenceModel::begin(int64_t) {
  throw_run("model {}: keeps no state that one event could carry on", name());
}

torch::Tensor SequenceModel::advance(const PackedSequences&, SequenceState&) {
  throw_run("model {}: keeps no state that one event could carry on", name());
}

}  // namespace seqsweep
