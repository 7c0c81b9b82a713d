// Reads the wire format of protocol buffers, within bounds:
// https://protobuf.dev/programming-guides/encoding
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seqsweep {

struct ProtobufField {
  uint32_t number = 0;
  uint64_t value = 0;      // Of a varint or a fixed-size number, its bits.
  std::string_view bytes;  // Of a text or a message.
  float as_float() const;  // Of a fixed-size number of 32 bits.
};

class ProtobufReader {
 public:
  // `file` stands in its errors: Error (Fault::Input) when the bytes are no message.
  ProtobufReader(std::string_view message, const std::string& file) : rest_(message), file_(file) {}

  // The next field; nothing at the end.
  std::optional<ProtobufField> next();

 private:
  uint64_t varint();
  std::string_view take(uint64_t bytes);
  [[noreturn]] void fail() const;

  std::string_view rest_;
  const std::string& file_;
};

}  // namespace seqsweep
