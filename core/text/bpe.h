// Byte-pair encoding's merging (Sennrich et al. 2016), the same for every vocabulary: while any two
// neighbours have a merge, the one of the lowest rank is done, the leftmost of equals.
#pragma once

#include <cstdint>
#include <vector>

namespace seqsweep {

struct Merge {
  int32_t left = 0, right = 0;  // Symbols, at least 0.
  int32_t rank = 0;
  int32_t merged = 0;
};

class MergeTable {
 public:
  // Of a pair that comes twice the last counts.
  explicit MergeTable(const std::vector<Merge>& merges);

  // nullptr where the pair has no merge.
  const Merge* find(int32_t left, int32_t right) const {
    for (size_t slot = hash(left, right) & mask_;; slot = (slot + 1) & mask_) {
      const Merge& at = slots_[slot];
      if (at.left == left && at.right == right) return &at;
      if (at.left < 0) return nullptr;
    }
  }

 private:
  static uint64_t hash(int32_t left, int32_t right) {
    const uint64_t pair = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
    return pair * 0x9e3779b97f4a7c15ULL >> 20;
  }

  std::vector<Merge> slots_;  // Open addressing; left -1: free.
  uint64_t mask_ = 0;
};

// Merges in place. O(n log n) for long texts; a scan for short ones, which words are.
void merge_all(std::vector<int32_t>& symbols, const MergeTable& merges);

}  // namespace seqsweep
