#include "core/text/protobuf.h"

#include <bit>
#include <cstring>

#include "core/base/error.h"

namespace seqsweep {

float ProtobufField::as_float() const {
  return std::bit_cast<float>(static_cast<uint32_t>(value));
}

std::optional<ProtobufField> ProtobufReader::next() {
  if (rest_.empty()) return std::nullopt;
  enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  const uint64_t tag = varint();
  ProtobufField field{.number = static_cast<uint32_t>(tag >> 3)};
  const auto fixed = [&](size_t bytes) {
    const std::string_view taken = take(bytes);
    std::memcpy(&field.value, taken.data(), taken.size());
  };
  switch (tag & 7) {
    case kVarint:
      field.value = varint();
      break;
    case kFixed64:
      fixed(8);
      break;
    case kBytes:
      field.bytes = take(varint());
      break;
    case kFixed32:
      fixed(4);
      break;
    default:
      fail();
  }
  return field;
}

uint64_t ProtobufReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(1)[0]);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail();
}

std::string_view ProtobufReader::take(uint64_t bytes) {
  if (bytes > rest_.size()) fail();
  const std::string_view taken = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return taken;
}

void ProtobufReader::fail() const {
  throw_input("{}: not a valid protobuf message; copy or download it again", file_);
}

}  // namespace seqsweep
