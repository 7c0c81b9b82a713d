#include "tools/export/event_file.h"

#include <array>
#include <bit>
#include <cstring>

namespace seqsweep {
namespace {

constexpr uint32_t kCastagnoli = 0x82f63b78;  // The polynomial, its bits reversed.
constexpr uint32_t kMaskDelta = 0xa282ead8;

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >> 1) ^ kCastagnoli : crc >> 1;
    table[i] = crc;
  }
  return table;
}

template <typename T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// ---- protocol buffers: a field is a key (number and wire type) and a value ----

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(uint64_t field, WireType type) {
  return varint(field << 3 | type);
}
std::string integer_field(uint64_t field, int64_t value) {
  return key(field, kVarint) + varint(static_cast<uint64_t>(value));
}
std::string double_field(uint64_t field, double value) {
  return key(field, kFixed64) + little_endian(value);
}
std::string float_field(uint64_t field, double value) {
  return key(field, kFixed32) + little_endian(static_cast<float>(value));
}
std::string bytes_field(uint64_t field, std::string_view value) {
  return key(field, kBytes) + varint(value.size()) + std::string(value);
}

// ---- the messages, by their field numbers in event.proto, summary.proto and tensor.proto ----

std::string event(int64_t time_ms, int64_t step, const std::string& what) {
  return double_field(1, static_cast<double>(time_ms) / 1000) + integer_field(2, step) + what;
}

std::string file_version() {
  return bytes_field(3, "brain.Event:2");
}

// Event.summary with one Summary.value.
std::string summary(std::string_view tag, const std::string& value) {
  return bytes_field(5, bytes_field(1, bytes_field(1, tag) + value));
}

std::string scalar_value(double value) {
  return float_field(2, value);
}

// A tensor of one string for the text plug-in.
std::string text_value(std::string_view text) {
  constexpr int64_t kString = 7;  // DT_STRING
  const std::string plugin = bytes_field(1, bytes_field(1, "text"));
  const std::string shape = bytes_field(2, integer_field(1, 1));
  return bytes_field(9, plugin) +
         bytes_field(8, integer_field(1, kString) + bytes_field(2, shape) + bytes_field(8, text));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + kMaskDelta;
}

std::string tf_record(std::string_view data) {
  const std::string length = little_endian(static_cast<uint64_t>(data.size()));
  return length + little_endian(masked_crc32c(length)) + std::string(data) +
         little_endian(masked_crc32c(data));
}

std::string event_file(int64_t start_ms, std::string_view settings,
                       std::span<const Scalar> scalars) {
  std::string file = tf_record(event(start_ms, 0, file_version()));
  file += tf_record(event(start_ms, 0, summary("settings", text_value(settings))));
  for (const Scalar& one : scalars) {
    file += tf_record(event(one.time_ms, one.step, summary(one.name, scalar_value(one.value))));
  }
  return file;
}

}  // namespace seqsweep
