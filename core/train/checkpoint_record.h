// The JSON file of a checkpoint: all state that is no tensor, the checksum of the tensors' file and
// its own. Torch-free.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace seqsweep {

struct CheckpointRecord {
  int64_t step = 0;
  std::string tensors_sha256;
  Json scalars;
};

std::string to_text(const CheckpointRecord& record);

// Throws Error (Fault::Input) that begins with `file` when the text is no whole record.
CheckpointRecord parse_checkpoint_record(const std::string& text, const std::string& file);

}  // namespace seqsweep
