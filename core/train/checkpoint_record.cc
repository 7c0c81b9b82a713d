#include "core/train/checkpoint_record.h"

#include "core/base/error.h"
#include "core/base/files.h"

namespace seqsweep {

std::string to_text(const CheckpointRecord& record) {
  Json json = {{"step", record.step},
               {"scalars", record.scalars},
               {"tensors_sha256", record.tensors_sha256}};
  json["sha256"] = sha256_hex(json.dump());  // Over the text without itself.
  return json.dump();
}

CheckpointRecord parse_checkpoint_record(const std::string& text, const std::string& file) {
  Json json = parse_json(text, file);
  const Json sha256 = json.is_object() ? json.value("sha256", Json()) : Json();
  if (json.is_object()) json.erase("sha256");
  if (sha256 != sha256_hex(json.dump())) throw_input("{}: its checksum does not fit", file);
  try {
    if (!json.at("step").is_number_integer())
      throw_input("{}: it is no checkpoint: its step is no integer", file);
    return {.step = json.at("step").get<int64_t>(),
            .tensors_sha256 = json.at("tensors_sha256").get<std::string>(),
            .scalars = json.at("scalars")};
  } catch (const Json::exception& error) {
    throw_input("{}: it is no checkpoint: {}", file, error.what());
  }
}

}  // namespace seqsweep
