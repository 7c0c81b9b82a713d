#include "core/lm/preference_pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/fixed_order_task.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

class RatedDataset : public TinyDataset {
 public:
  RatedDataset(std::vector<std::vector<int32_t>> sequences, int64_t items,
               std::vector<std::vector<float>> ratings)
      : TinyDataset(std::move(sequences), items, 50), ratings_(std::move(ratings)) {}
  std::span<const float> ratings(int64_t user) const override { return ratings_.at(user); }

 private:
  std::vector<std::vector<float>> ratings_;
};

// The last two items of each user are held out.
const RatedDataset kRated({{0, 1, 2, 3, 9}, {4, 5, 6, 0, 8}, {1, 0, 2, 7, 6}}, 10,
                          {{5, 2, 4, 1, 1}, {3, 5, 1, 5, 5}, {4, 3, 3, 1, 1}});

TEST(PreferencePairs, TheBetterRatedOfTheLastTwoWins) {
  FixedOrderTask negatives(kRated);
  const PreferencePairs made = preference_pairs(kRated, negatives);
  std::vector<PreferencePair> rated;
  std::ranges::copy_if(made.pairs, std::back_inserter(rated), [](const PreferencePair& pair) {
    return pair.part == PreferencePair::Part::Ratings;
  });
  ASSERT_EQ(rated.size(), 2U);
  EXPECT_EQ(rated[0].winner, 2);  // Rated 4 after 2.
  EXPECT_EQ(rated[0].loser, 1);
  EXPECT_EQ(rated[1].winner, 5);  // Rated 5 before 1.
  EXPECT_EQ(rated[1].loser, 6);
  EXPECT_EQ(std::vector(rated[1].before.begin(), rated[1].before.end()), std::vector{4});
  EXPECT_EQ(made.equal_ratings, 1);
}

TEST(PreferencePairs, TheLastItemWinsAgainstTheWorstThatTheUserHasNowhere) {
  FixedOrderTask negatives(kRated);  // Recommends 9 last, then 8, ...
  const PreferencePairs made = preference_pairs(kRated, negatives);
  std::vector<int32_t> losers;
  for (const PreferencePair& pair : made.pairs) {
    if (pair.part != PreferencePair::Part::Worst) continue;
    EXPECT_EQ(pair.winner, kRated.history(pair.user, Split::Train).back());
    losers.push_back(pair.loser);
  }
  EXPECT_EQ(losers, (std::vector<int32_t>{8, 9, 9}));  // 9 is the first user's test item.
}

TEST(PreferencePairs, OneItemTwiceIsNoPreference) {
  const RatedDataset twice({{0, 1, 1, 2, 3}}, 6, {{5, 2, 4, 1, 1}});
  FixedOrderTask negatives(twice);
  const PreferencePairs made = preference_pairs(twice, negatives);
  ASSERT_EQ(made.pairs.size(), 1U);
  EXPECT_EQ(made.pairs[0].part, PreferencePair::Part::Worst);
  EXPECT_EQ(made.equal_ratings, 1);
}

TEST(PreferencePairs, LosersAreOfThePopularItemsWhereAsked) {
  // Trained on: 0, 1 and 2 twice each, 4, 5 and 6 once.
  FixedOrderTask negatives(kRated);
  const auto losers = [&](int64_t among) {
    std::vector<int32_t> items;
    for (const PreferencePair& pair :
         preference_pairs(kRated, negatives, {.losers_among = among}).pairs) {
      if (pair.part == PreferencePair::Part::Worst) items.push_back(pair.loser);
    }
    return items;
  };
  EXPECT_EQ(losers(5), (std::vector<int32_t>{5, 2, 5}));
  EXPECT_EQ(losers(3), std::vector<int32_t>{2});  // The others had all three.
  EXPECT_EQ(preference_pairs(kRated, negatives, {.losers_among = 3}).without_worst, 2);
  EXPECT_EQ(losers(100), losers(0));
}

TEST(PreferencePairs, NoHeldOutItemIsEverInThem) {
  FixedOrderTask negatives(kRated);
  const PreferencePairs made = preference_pairs(kRated, negatives);
  for (const PreferencePair& pair : made.pairs) {
    std::set<int32_t> items(pair.before.begin(), pair.before.end());
    items.insert({pair.winner, pair.loser});
    for (const Split split : {Split::Validation, Split::Test}) {
      EXPECT_FALSE(items.contains(kRated.target(pair.user, split)));
    }
  }
}

TEST(PreferencePairs, WithoutRatingsTheWorstItemsAreLeft) {
  const TinyDataset data({{0, 1, 2, 3, 4}, {4, 3, 2, 1}}, 8, 50);
  FixedOrderTask negatives(data);
  const PreferencePairs made = preference_pairs(data, negatives);
  EXPECT_EQ(made.pairs.size(), 2U);
  EXPECT_EQ(made.without_ratings, 2);
  EXPECT_EQ(preference_pairs(data, negatives, {.users = 1}).pairs.size(), 1U);
}

}  // namespace
}  // namespace seqsweep
