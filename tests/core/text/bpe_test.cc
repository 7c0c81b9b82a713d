#include "core/text/bpe.h"

#include <gmock/gmock.h>

#include <map>
#include <utility>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

// The definition: the neighbours of the lowest rank, the leftmost of equals, one merge at a time.
void merge_plainly(std::vector<int32_t>& symbols, const std::vector<Merge>& merges) {
  std::map<std::pair<int32_t, int32_t>, Merge> table;
  for (const Merge& merge : merges) table[{merge.left, merge.right}] = merge;
  while (true) {
    const Merge* best = nullptr;
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = table.find({symbols[i], symbols[i + 1]});
      if (found == table.end() || (best && found->second.rank >= best->rank)) continue;
      best = &found->second;
      best_at = i;
    }
    if (!best) return;
    symbols[best_at] = best->merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

TEST(Bpe, LowestRankFirstThenLeftmost) {
  const MergeTable merges({{.left = 1, .right = 2, .rank = 5, .merged = 12},
                           {.left = 2, .right = 3, .rank = 2, .merged = 23},
                           {.left = 1, .right = 23, .rank = 9, .merged = 123}});
  std::vector<int32_t> symbols = {1, 2, 3, 1, 2};
  merge_all(symbols, merges);
  EXPECT_THAT(symbols, ElementsAre(123, 12));
  symbols = {};
  merge_all(symbols, merges);
  EXPECT_TRUE(symbols.empty());
}

TEST(Bpe, OfAPairThatComesTwiceTheLastCounts) {
  const MergeTable merges({{.left = 1, .right = 2, .rank = 0, .merged = 7},
                           {.left = 1, .right = 2, .rank = 1, .merged = 8}});
  EXPECT_EQ(merges.find(1, 2)->merged, 8);
  EXPECT_EQ(merges.find(2, 1), nullptr);
}

// Short and long texts, which are merged in different ways, with equal ranks among the merges.
TEST(Bpe, EqualsTheDefinition) {
  Rng rng(7);
  for (int round = 0; round < 400; ++round) {
    std::vector<Merge> merges;
    for (int i = 0; i < 40; ++i) {
      const auto symbol = [&] {
        return static_cast<int32_t>(rng.below(4 + static_cast<uint64_t>(i) / 2));
      };
      const int32_t left = symbol(), right = symbol();
      merges.push_back(
          {left, right, static_cast<int32_t>(rng.below(30)), static_cast<int32_t>(rng.below(24))});
    }
    std::vector<int32_t> symbols(round % 4 == 0 ? 40 + rng.below(300) : rng.below(60));
    for (int32_t& symbol : symbols) symbol = static_cast<int32_t>(rng.below(4));
    std::vector<int32_t> expected = symbols;
    merge_plainly(expected, merges);
    merge_all(symbols, MergeTable(merges));
    ASSERT_EQ(symbols, expected) << round;
  }
}

}  // namespace
}  // namespace seqsweep
