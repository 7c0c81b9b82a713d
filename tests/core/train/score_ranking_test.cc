#include "core/train/score_ranking.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/base/error.h"

namespace seqsweep {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> items_of(const std::vector<Recommendation>& list) {
  std::vector<int32_t> items;
  for (const Recommendation& entry : list) items.push_back(entry.item);
  return items;
}

TEST(RankTargets, CountsTheOthersThatScoreAtLeastAsHigh) {
  const torch::Tensor scores = torch::tensor({{5.F, 1.F, 3.F, 4.F}, {0.F, 2.F, -kInfinity, 1.F}});
  EXPECT_EQ(rank_targets(scores, std::vector<int32_t>{0, 2}), (std::vector<int32_t>{0, 3}));
  EXPECT_EQ(rank_targets(scores, std::vector<int32_t>{2, 3}), (std::vector<int32_t>{2, 1}));
}

TEST(RankTargets, TiesCountAgainstTheModel) {
  EXPECT_EQ(rank_targets(torch::ones({1, 7}), std::vector<int32_t>{0}), std::vector<int32_t>{6});
}

TEST(RankTargets, NaNAnywhereInARowThrows) {
  const std::vector<int32_t> first = {0};
  for (const int64_t place : {0, 1, 2}) {
    torch::Tensor scores = torch::tensor({{1.F, 2.F, 3.F}});
    scores[0][place] = kNaN;
    EXPECT_THROW(rank_targets(scores, first), Error) << place;
    EXPECT_THROW(top_items(scores, 1), Error) << place;
    EXPECT_THROW(top_items(scores, 3), Error) << place;
  }
}

TEST(TopItems, BestFirstAndTheLowerItemAmongEquals) {
  const torch::Tensor scores = torch::tensor({{1.F, 3.F, 2.F, 3.F, 1.F, 3.F}});
  EXPECT_EQ(items_of(top_items(scores, 2)[0]), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(items_of(top_items(scores, 5)[0]), (std::vector<int32_t>{1, 3, 5, 2, 0}));
  EXPECT_EQ(top_items(scores, 4)[0][3].score, 2.F);
}

TEST(TopItems, LeavesOutAHistory) {
  const torch::Tensor scores = torch::tensor({{1.F, 3.F, 2.F, 3.F}, {1.F, 3.F, 2.F, 3.F}});
  const std::vector<int32_t> first{3, 1, 3}, second{};
  const std::vector<History> left_out{first, second};
  const auto lists = top_items(scores, 3, left_out);
  EXPECT_EQ(items_of(lists[0]), (std::vector<int32_t>{2, 0}));
  EXPECT_EQ(items_of(lists[1]), (std::vector<int32_t>{1, 3, 2}));
}

TEST(WorstItems, AreTheLastOfALongList) {
  const torch::Tensor scores = torch::randint(0, 4, {5, 40}, torch::kFloat);  // Many ties.
  const std::vector<int32_t> had = {3, 1}, other = {0, 39, 38, 7};
  const std::vector<History> histories(5, had), barred(5, other);
  const auto lists = top_items(scores, 40, histories);
  const std::vector<char> all_allowed(40, 1);
  const std::vector<int32_t> worst = worst_items(scores, histories, barred, all_allowed);
  for (size_t b = 0; b < lists.size(); ++b) {
    std::vector<int32_t> list = items_of(lists[b]);
    std::erase_if(list, [&](int32_t item) { return std::ranges::count(other, item) > 0; });
    EXPECT_EQ(worst[b], list.back()) << b;
  }
  std::vector<char> one(40, 0);
  one[5] = 1;
  EXPECT_EQ(worst_items(scores, histories, barred, one), std::vector<int32_t>(5, 5));
  std::vector<int32_t> all(40);
  std::iota(all.begin(), all.end(), 0);
  const std::vector<History> everything(5, all);
  EXPECT_EQ(worst_items(scores, histories, everything, all_allowed)[0], kNotRecommended);
  EXPECT_THROW(worst_items(torch::full({5, 40}, kNaN), histories, barred, all_allowed), Error);
}

TEST(TopItems, AsManyAsThereAre) {
  EXPECT_EQ(items_of(top_items(torch::tensor({{1.F, 2.F}}), 10)[0]), (std::vector<int32_t>{1, 0}));
  EXPECT_THROW(top_items(torch::ones({1, 3}), 0), Error);
}

TEST(TopItems, EqualsAStableSortOnRandomScoresWithManyTies) {
  torch::manual_seed(3);
  const torch::Tensor scores = torch::randint(0, 40, {5, 500}).to(torch::kFloat);
  const auto lists = top_items(scores, 20);
  ASSERT_EQ(lists.size(), 5U);
  for (int64_t b = 0; b < 5; ++b) {
    std::vector<int32_t> expected(500);
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](int32_t x, int32_t y) {
      return scores[b][x].item<float>() > scores[b][y].item<float>();
    });
    expected.resize(20);
    EXPECT_EQ(items_of(lists[b]), expected);
    for (int32_t i = 0; i < 20; ++i) {  // The rank of an item and its place agree up to ties.
      EXPECT_GE(rank_targets(scores.narrow(0, b, 1), std::vector<int32_t>{expected[i]})[0], i);
    }
  }
}

TEST(TopItems, LongListsGoOnAsShortOnesBegin) {
  torch::manual_seed(4);
  const torch::Tensor scores = torch::randint(0, 500, {2, 3000}).to(torch::kFloat);
  const std::vector<int32_t> seen{5, 5, 700, 2999};
  const std::vector<History> left_out{seen, {}};
  const auto all = top_items(scores, 3000, left_out), most = top_items(scores, 2500, left_out);
  const auto first = top_items(scores, 1500, left_out);
  EXPECT_EQ(all[0].size(), 2997U);
  EXPECT_EQ(all[1].size(), 3000U);
  for (size_t row = 0; row < 2; ++row) {
    const std::vector<int32_t> items = items_of(all[row]);
    EXPECT_EQ(items_of(most[row]), std::vector(items.begin(), items.begin() + 2500));
    EXPECT_EQ(items_of(first[row]), std::vector(items.begin(), items.begin() + 1500));
  }
  torch::Tensor broken = scores.clone();
  broken[1][7] = kNaN;
  EXPECT_THROW(top_items(broken, 3000), Error);
}

}  // namespace
}  // namespace seqsweep
