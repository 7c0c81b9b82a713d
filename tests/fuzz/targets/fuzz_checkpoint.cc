#include "core/base/files.h"
#include "core/train/checkpoint_record.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {
namespace {

bool read_record(const std::string& text) {
  return read_or_refuse([&] {
    const CheckpointRecord record = parse_checkpoint_record(text, "step-1.json");
    const CheckpointRecord again = parse_checkpoint_record(to_text(record), "again");
    SEQ_CHECK(again.step == record.step && again.tensors_sha256 == record.tensors_sha256);
  });
}

// The same with a checksum that fits, or every change would be caught by it alone.
std::string with_checksum(const std::string& text) {
  std::string summed = text;
  read_or_refuse([&] {
    Json json = parse_json(text, "step-1.json");
    if (!json.is_object()) return;
    json.erase("sha256");
    json["sha256"] = sha256_hex(json.dump());
    summed = json.dump();
  });
  return summed;
}

}  // namespace

bool fuzz_checkpoint(Bytes bytes) {
  const std::string text(bytes.begin(), bytes.end());
  const bool as_it_is = read_record(text);
  return read_record(with_checksum(text)) || as_it_is;
}

}  // namespace seqsweep
