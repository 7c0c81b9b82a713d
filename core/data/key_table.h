// Numbers raw ids (user names, ASINs) in order of first appearance: open addressing over an arena
// of their bytes.
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
  // The same for many keys at once: their memory is fetched ahead, which hides most cache misses.
  // At most kBatch keys; `ids` is as long as `keys`.
  static constexpr size_t kBatch = 256;
  void intern(std::span<const std::string_view> keys, std::span<int32_t> ids);

  int32_t find(std::string_view key) const;  // kAbsent when never interned.
  std::string_view key(int32_t id) const { return keys_[static_cast<size_t>(id)]; }
  int64_t size() const { return static_cast<int64_t>(keys_.size()); }

 private:
  struct Slot {
    uint32_t tag = 0;  // Upper half of the hash.
    int32_t id = kAbsent;
  };
  size_t slot_of(std::string_view key, uint64_t hash) const;  // Its slot, or the one to put it in.
  int32_t intern_hashed(std::string_view key, uint64_t hash);
  void grow();
  std::string_view store(std::string_view key);

  std::vector<Slot> slots_;  // A power of two, at most half full.
  std::vector<std::string_view> keys_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_left_ = 0;
  char* chunk_next_ = nullptr;
};

}  // namespace seqsweep
