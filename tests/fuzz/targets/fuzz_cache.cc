#include <zlib.h>

#include <cstring>

#include "core/data/cache.h"
#include "tests/fuzz/targets/memory_file.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {
namespace {

// Where core/data/cache.cc keeps its sums.
constexpr size_t kHeaderCrc = 16, kContentCrc = 20, kFileBytes = 216, kHeaderBytes = 400;

// Everything in it is read, as training does.
uint64_t read_all(const CachedDataset& dataset) {
  uint64_t sum = dataset.origin().settings_hash.size() + dataset.origin().stamps.size() +
                 static_cast<uint64_t>(dataset.preparation().raw_users);
  for (int64_t user = 0; user < dataset.users(); ++user) {
    for (const int32_t item : dataset.sequence(user)) {
      SEQ_CHECK(item >= 0 && item < dataset.items());
      sum += static_cast<uint64_t>(item);
    }
    for (const int64_t time : dataset.timestamps(user)) sum ^= static_cast<uint64_t>(time);
    for (const float rating : dataset.ratings(user)) sum += rating > 0 ? 1 : 0;
    for (const char c : dataset.user_key(user)) sum += static_cast<unsigned char>(c);
  }
  for (int64_t item = 0; item < dataset.items(); ++item) {
    for (const char c : dataset.title(item)) sum += static_cast<unsigned char>(c);
    for (const char c : dataset.item_key(item)) sum += static_cast<unsigned char>(c);
  }
  return sum;
}

bool open(Bytes bytes) {
  const MemoryFile file(bytes);
  bool opened = false;
  const bool read = read_or_refuse([&] {
    const OpenedCache cache = open_cache(file.path(), "fuzz", 5);
    SEQ_CHECK((cache.dataset == nullptr) != cache.damage.empty());
    opened = cache.dataset != nullptr;
    if (opened) read_all(*cache.dataset);
  });
  return read && opened;
}

template <typename T>
void put(std::vector<uint8_t>& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

uint32_t crc(const uint8_t* data, size_t bytes) {
  return static_cast<uint32_t>(::crc32_z(0, data, bytes));
}

// The same with sums that fit, or every change would be caught by them alone.
std::vector<uint8_t> with_sums(Bytes bytes) {
  std::vector<uint8_t> signed_bytes(bytes.begin(), bytes.end());
  if (bytes.size() < kHeaderBytes) return signed_bytes;
  put<uint64_t>(signed_bytes, kFileBytes, bytes.size());
  put(signed_bytes, kContentCrc,
      bytes.size() == kHeaderBytes
          ? 0U
          : crc(signed_bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes));
  put<uint32_t>(signed_bytes, kHeaderCrc, 0);
  put(signed_bytes, kHeaderCrc, crc(signed_bytes.data(), kHeaderBytes));
  return signed_bytes;
}

}  // namespace

bool fuzz_cache(Bytes bytes) {
  const bool as_it_is = open(bytes);
  return open(with_sums(bytes)) || as_it_is;
}

}  // namespace seqsweep
