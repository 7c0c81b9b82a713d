// The bytes of a TensorBoard event file: records (TFRecord: length, its CRC, data, its CRC) that
// each hold one Event message of tensorflow/core/util/event.proto.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tools/export/run_record.h"

namespace seqsweep {

// CRC-32C (Castagnoli), and as TFRecord stores it: rotated, so that a CRC over data that holds CRCs
// is no special value.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

std::string tf_record(std::string_view data);

// The first record, which names the format's version, the text as tag `settings`, and each scalar.
std::string event_file(int64_t start_ms, std::string_view settings,
                       std::span<const Scalar> scalars);

}  // namespace seqsweep
