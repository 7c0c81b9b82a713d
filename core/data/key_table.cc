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

uint64_t hash_of(std::string_view key) {
  uint64_t hash = key.size();
  const char* next = key.data();
  size_t left = key.size();
  for (; left >= 8; left -= 8, next += 8) {
    uint64_t word = 0;
    std::memcpy(&word, next, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  uint64_t word = 0;
  std::memcpy(&word, next, left);
  return mix64(hash ^ word);
}

uint32_t tag_of(uint64_t hash) {
  return static_cast<uint32_t>(hash >> 32);
}

}  // namespace

KeyTable::KeyTable() : slots_(kFirstSlots) {}

size_t KeyTable::slot_of(std::string_view key, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at].id != kAbsent) {
    if (slots_[at].tag == tag_of(hash) && this->key(slots_[at].id) == key) break;
    at = (at + 1) & mask;
  }
  return at;
}

int32_t KeyTable::intern_hashed(std::string_view key, uint64_t hash) {
  const size_t at = slot_of(key, hash);
  if (slots_[at].id != kAbsent) return slots_[at].id;
  if (size() == std::numeric_limits<int32_t>::max()) {
    throw_input("more than {} different users or items", std::numeric_limits<int32_t>::max());
  }
  const auto id = static_cast<int32_t>(keys_.size());
  slots_[at] = {tag_of(hash), id};
  keys_.push_back(store(key));
  if (2 * keys_.size() > slots_.size()) grow();
  return id;
}

int32_t KeyTable::intern(std::string_view key) {
  return intern_hashed(key, hash_of(key));
}

void KeyTable::intern(std::span<const std::string_view> keys, std::span<int32_t> ids) {
  std::array<uint64_t, kBatch> hashes;
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < keys.size(); ++i) {
    hashes[i] = hash_of(keys[i]);
    __builtin_prefetch(&slots_[hashes[i] & mask]);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Slot slot = slots_[hashes[i] & mask];
    ids[i] = slot.id != kAbsent && slot.tag == tag_of(hashes[i]) ? slot.id : kAbsent;
    if (ids[i] != kAbsent) __builtin_prefetch(&keys_[static_cast<size_t>(ids[i])]);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (ids[i] != kAbsent) __builtin_prefetch(key(ids[i]).data());
  }
  for (size_t i = 0; i < keys.size(); ++i) ids[i] = intern_hashed(keys[i], hashes[i]);
}

int32_t KeyTable::find(std::string_view key) const {
  return slots_[slot_of(key, hash_of(key))].id;
}

void KeyTable::grow() {
  const size_t slots = 2 * slots_.size();
  slots_.assign(slots, Slot{});
  for (size_t id = 0; id < keys_.size(); ++id) {
    const uint64_t hash = hash_of(keys_[id]);
    size_t at = hash & (slots - 1);
    while (slots_[at].id != kAbsent) at = (at + 1) & (slots - 1);
    slots_[at] = {tag_of(hash), static_cast<int32_t>(id)};
  }
}

std::string_view KeyTable::store(std::string_view key) {
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
