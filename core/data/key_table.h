// Numbers raw ids (user names, ASINs) in order of first appearance: open addressing; a key of up to
// eight bytes lies in its slot, so that it costs one cache miss.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace seqsweep {

class KeyTable {
 public:
  static constexpr int32_t kAbsent = -1;

  KeyTable();
  int32_t intern(std::string_view key);
  // The same for many keys: their memory is fetched ahead, which hides most cache misses. `ids` is
  // as long as `keys`.
  void intern(std::span<const std::string_view> keys, std::span<int32_t> ids);

  int32_t find(std::string_view key) const;  // kAbsent when never interned.
  std::string_view key(int32_t id) const { return keys_[static_cast<size_t>(id)]; }
  int64_t size() const { return static_cast<int64_t>(keys_.size()); }

 private:
  struct Slot {
    uint64_t word = 0;  // The bytes of a short key, the hash of a long one.
    uint32_t length = 0;
    int32_t id = kAbsent;
  };
  size_t first_slot(uint64_t word, size_t length) const;
  // The key's slot, or the one to put it in.
  size_t slot_of(std::string_view key, uint64_t word) const;
  int32_t intern(std::string_view key, uint64_t word);
  void prefetch_key(std::string_view key, uint64_t word) const;
  void grow();
  std::string_view store(std::string_view key);

  std::vector<Slot> slots_;  // A power of two, at most three quarters full.
  std::vector<std::string_view> keys_;
  std::vector<std::unique_ptr<char[]>> chunks_;  // The bytes of keys_.
  size_t chunk_left_ = 0;
  char* chunk_next_ = nullptr;
};

}  // namespace seqsweep
