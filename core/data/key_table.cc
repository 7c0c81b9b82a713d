#include "core/data/key_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kFirstSlots = size_t{1} << 12;
constexpr size_t kShort = 8;   // Bytes of a key that a slot holds.
constexpr size_t kAhead = 64;  // Keys whose memory is fetched before they are looked up.

template <typename T>
uint64_t load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// All bytes of a key of at most eight, by loads that overlap and agree where they do.
uint64_t pack(std::string_view key) {
  const size_t n = key.size();
  if (n >= 4) return load<uint32_t>(&key[0]) | load<uint32_t>(&key[n - 4]) << 8 * (n - 4);
  if (n == 0) return 0;
  return load<uint8_t>(&key[0]) | load<uint8_t>(&key[n / 2]) << 8 * (n / 2) |
         load<uint8_t>(&key[n - 1]) << 8 * (n - 1);
}

uint64_t hash_of(std::string_view key) {
  uint64_t hash = 0;
  for (; key.size() > kShort; key.remove_prefix(kShort)) {
    hash = (hash ^ load<uint64_t>(key.data())) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  return mix64(hash ^ pack(key));
}

uint64_t word_of(std::string_view key) {
  return key.size() <= kShort ? pack(key) : hash_of(key);
}

}  // namespace

KeyTable::KeyTable() : slots_(kFirstSlots) {}

size_t KeyTable::first_slot(uint64_t word, size_t length) const {
  return mix64(word ^ length << 59) & (slots_.size() - 1);
}

size_t KeyTable::slot_of(std::string_view key, uint64_t word) const {
  const size_t mask = slots_.size() - 1;
  size_t at = first_slot(word, key.size());
  while (true) {
    const Slot& slot = slots_[at];
    if (slot.id == kAbsent) return at;
    const bool alike = slot.word == word && slot.length == key.size();
    if (alike && (key.size() <= kShort || this->key(slot.id) == key)) return at;
    at = (at + 1) & mask;
  }
}

int32_t KeyTable::intern(std::string_view key, uint64_t word) {
  const size_t at = slot_of(key, word);
  if (slots_[at].id != kAbsent) return slots_[at].id;
  if (size() == std::numeric_limits<int32_t>::max()) {
    throw_input("more than {} different users or items", std::numeric_limits<int32_t>::max());
  }
  const auto id = static_cast<int32_t>(keys_.size());
  slots_[at] = {word, static_cast<uint32_t>(key.size()), id};
  keys_.push_back(store(key));
  if (4 * keys_.size() > 3 * slots_.size()) grow();
  return id;
}

int32_t KeyTable::intern(std::string_view key) {
  return intern(key, word_of(key));
}

// Of a long key whose slot is there already: where its bytes lie.
void KeyTable::prefetch_key(std::string_view key, uint64_t word) const {
  if (key.size() <= kShort) return;
  const Slot& slot = slots_[first_slot(word, key.size())];
  if (slot.word == word) __builtin_prefetch(&keys_[static_cast<size_t>(slot.id)]);
}

void KeyTable::intern(std::span<const std::string_view> keys, std::span<int32_t> ids) {
  std::array<uint64_t, kAhead> words;
  for (size_t begin = 0; begin < keys.size(); begin += kAhead) {
    const auto some = keys.subspan(begin, std::min(kAhead, keys.size() - begin));
    for (size_t i = 0; i < some.size(); ++i) {
      words[i] = word_of(some[i]);
      __builtin_prefetch(&slots_[first_slot(words[i], some[i].size())]);
    }
    for (size_t i = 0; i < some.size(); ++i) prefetch_key(some[i], words[i]);
    for (size_t i = 0; i < some.size(); ++i) ids[begin + i] = intern(some[i], words[i]);
  }
}

int32_t KeyTable::find(std::string_view key) const {
  return slots_[slot_of(key, word_of(key))].id;
}

void KeyTable::grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.id == kAbsent) continue;
    size_t at = first_slot(slot.word, slot.length);
    while (slots_[at].id != kAbsent) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

std::string_view KeyTable::store(std::string_view key) {
  if (key.empty()) return {};
  if (key.size() > chunk_left_) {
    chunk_left_ = std::max(kChunkBytes, key.size());
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_left_));
    chunk_next_ = chunks_.back().get();
  }
  char* begin = std::exchange(chunk_next_, chunk_next_ + key.size());
  std::memcpy(begin, key.data(), key.size());
  chunk_left_ -= key.size();
  return {begin, key.size()};
}

}  // namespace seqsweep
