#include "core/base/best_list.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace seqsweep {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> best(int64_t count, const std::vector<float>& scores) {
  BestList list(count);
  for (size_t i = 0; i < scores.size(); ++i) list.offer(static_cast<int32_t>(i), scores[i]);
  std::vector<int32_t> items;
  for (const ScoredItem& entry : list.items()) items.push_back(entry.item);
  return items;
}

TEST(BestList, BestFirstAndTheEarlierAmongEquals) {
  EXPECT_EQ(best(2, {1, 3, 2, 3, 1, 3}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(best(5, {1, 3, 2, 3, 1, 3}), (std::vector<int32_t>{1, 3, 5, 2, 0}));
  EXPECT_EQ(best(9, {1, 2}), (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(best(3, {}), std::vector<int32_t>{});
}

TEST(BestList, InfiniteScoresAreScores) {
  EXPECT_EQ(best(3, {-kInfinity, -kInfinity, kInfinity}), (std::vector<int32_t>{2, 0, 1}));
  EXPECT_EQ(best(1, {-kInfinity, -kInfinity}), (std::vector<int32_t>{0}));
}

TEST(BestList, AdmitsWhatOfferWouldTake) {
  BestList list(1);
  EXPECT_TRUE(list.admits(-kInfinity));
  list.offer(0, 1);
  EXPECT_FALSE(list.admits(1));
  EXPECT_TRUE(list.admits(1.5F));
  EXPECT_TRUE(list.admits(std::nanf("")));
}

TEST(BestList, RefusesNaN) {
  for (const size_t place : {0, 1, 2}) {
    std::vector<float> scores = {3, 2, 1};
    scores[place] = std::nanf("");
    for (const int64_t count : {1, 3}) {
      EXPECT_THROW(best(count, scores), Error) << place << " " << count;
    }
  }
}

}  // namespace
}  // namespace seqsweep
