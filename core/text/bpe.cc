#include "core/text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <tuple>

namespace seqsweep {
namespace {

constexpr size_t kShort = 48;  // Symbols up to which scanning is quicker than a heap.

void merge_short(std::vector<int32_t>& symbols, const MergeTable& merges) {
  std::array<const Merge*, kShort> next;  // next[i]: the merge of symbols i and i + 1.
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) next[i] = merges.find(symbols[i], symbols[i + 1]);
  while (true) {
    size_t best = count;
    for (size_t i = 0; i + 1 < count; ++i) {
      if (next[i] && (best == count || next[i]->rank < next[best]->rank)) best = i;
    }
    if (best == count) break;
    symbols[best] = next[best]->merged;
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    std::copy(next.begin() + best + 1, next.begin() + count - 1, next.begin() + best);
    --count;
    if (best + 1 < count) next[best] = merges.find(symbols[best], symbols[best + 1]);
    if (best > 0) next[best - 1] = merges.find(symbols[best - 1], symbols[best]);
  }
  symbols.resize(count);
}

struct Candidate {
  const Merge* merge;
  int32_t at;  // Of the left symbol.
  bool operator>(const Candidate& other) const {
    return std::tie(merge->rank, at) > std::tie(other.merge->rank, other.at);
  }
};

// The symbols as a linked list: a merged pair's right one drops out. A candidate whose symbols have
// changed meanwhile is recognised when its turn comes.
void merge_long(std::vector<int32_t>& symbols, const MergeTable& merges) {
  const auto count = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> before(symbols.size()), after(symbols.size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](int32_t at) {
    if (at < 0 || after[at] >= count) return;
    const Merge* merge = merges.find(symbols[at], symbols[after[at]]);
    if (merge) queue.push({merge, at});
  };
  for (int32_t i = 0; i < count; ++i) {
    before[i] = i - 1;
    after[i] = i + 1;
  }
  for (int32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const auto [merge, at] = queue.top();
    queue.pop();
    const int32_t right = after[at];
    if (symbols[at] != merge->left || right >= count || symbols[right] != merge->right) continue;
    symbols[at] = merge->merged;
    symbols[right] = -1;
    after[at] = after[right];
    if (after[right] < count) before[after[right]] = at;
    offer(before[at]);
    offer(at);
  }
  std::erase(symbols, -1);
}

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges)
    : slots_(std::bit_ceil(2 * merges.size() + 2), Merge{.left = -1}), mask_(slots_.size() - 1) {
  for (const Merge& merge : merges) {
    uint64_t slot = hash(merge.left, merge.right) & mask_;
    while (slots_[slot].left >= 0 &&
           (slots_[slot].left != merge.left || slots_[slot].right != merge.right)) {
      slot = (slot + 1) & mask_;
    }
    slots_[slot] = merge;
  }
}

void merge_all(std::vector<int32_t>& symbols, const MergeTable& merges) {
  symbols.size() <= kShort ? merge_short(symbols, merges) : merge_long(symbols, merges);
}

}  // namespace seqsweep
