// Reads what an event file holds, by the formats' descriptions and nothing of ours: a CRC of one
// bit after another, and a walk over protocol buffer fields.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace seqsweep {

// Castagnoli's polynomial in its usual bit order, over the reflected bits of each byte.
inline uint32_t slow_crc32c(const std::string& bytes) {
  const auto reflected = [](uint32_t value, int bits) {
    uint32_t out = 0;
    for (int i = 0; i < bits; ++i) out |= ((value >> i) & 1U) << (bits - 1 - i);
    return out;
  };
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= reflected(static_cast<uint8_t>(byte), 8) << 24;
    for (int i = 0; i < 8; ++i) crc = (crc & 0x80000000) ? (crc << 1) ^ 0x1edc6f41 : crc << 1;
  }
  return reflected(~crc, 32);
}

inline uint32_t slow_masked(const std::string& bytes) {
  const uint32_t crc = slow_crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

template <typename T>
T number_at(const std::string& bytes, size_t at) {
  if (at + sizeof(T) > bytes.size()) throw std::runtime_error("the file ends too soon");
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The data of each record; throws where a length or a CRC is wrong.
inline std::vector<std::string> decode_records(const std::string& file) {
  std::vector<std::string> records;
  for (size_t at = 0; at < file.size();) {
    const auto length = number_at<uint64_t>(file, at);
    if (number_at<uint32_t>(file, at + 8) != slow_masked(file.substr(at, 8))) {
      throw std::runtime_error("wrong CRC of a length");
    }
    const std::string data = file.substr(at + 12, length);
    if (number_at<uint32_t>(file, at + 12 + length) != slow_masked(data)) {
      throw std::runtime_error("wrong CRC of data");
    }
    records.push_back(data);
    at += length + 16;
  }
  return records;
}

// Fields of one message by number: the bytes of each value as they stand (a varint as 8 bytes).
using Fields = std::multimap<uint64_t, std::string>;

inline Fields decode_fields(const std::string& message) {
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  Fields fields;
  while (at < message.size()) {
    const uint64_t key = varint();
    size_t bytes = (key & 7) == 1 ? 8 : 4;
    if ((key & 7) == 0) {
      const uint64_t value = varint();
      fields.emplace(key >> 3, std::string(reinterpret_cast<const char*>(&value), 8));
      continue;
    }
    if ((key & 7) == 2) bytes = varint();
    if (at + bytes > message.size()) throw std::runtime_error("a field is cut off");
    fields.emplace(key >> 3, message.substr(at, bytes));
    at += bytes;
  }
  return fields;
}

inline std::string field(const std::string& message, uint64_t number) {
  const Fields fields = decode_fields(message);
  if (fields.count(number) != 1) throw std::runtime_error("no such field, or several");
  return fields.find(number)->second;
}

struct DecodedScalar {
  std::string tag;
  int64_t step;
  double wall_time;
  float value;
};

// The scalars of an event file, which must begin with the version and the settings.
inline std::vector<DecodedScalar> decode_scalars(const std::string& file) {
  const std::vector<std::string> records = decode_records(file);
  if (field(records.at(0), 3) != "brain.Event:2") throw std::runtime_error("wrong version");
  std::vector<DecodedScalar> scalars;
  for (size_t i = 2; i < records.size(); ++i) {
    const std::string value = field(field(records[i], 5), 1);
    scalars.push_back({field(value, 1), number_at<int64_t>(field(records[i], 2), 0),
                       number_at<double>(field(records[i], 1), 0),
                       number_at<float>(field(value, 2), 0)});
  }
  return scalars;
}

}  // namespace seqsweep
