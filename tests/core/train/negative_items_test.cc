#include "core/train/negative_items.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/error.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

// Training events: item 0 three times, item 1 once, items 2 and 3 never.
const TinyDataset kData({{0, 0, 1, 2, 3}, {0, 2, 3}}, 4, 8);

TEST(NegativeItems, UnseenItemsAreThoseThatTheUserNeverHadInTraining) {
  const std::vector<int64_t> users{0, 0, 0, 0, 1, 1, 1, 1};
  std::map<int64_t, int> drawn_for_1;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto items = draw_unseen_items(kData, users, seed);
    for (int i = 0; i < 4; ++i) EXPECT_GE(items[i], 2);
    for (int i = 4; i < 8; ++i) ++drawn_for_1[items[i]];
  }
  EXPECT_EQ(drawn_for_1.count(0), 0U);
  for (int64_t item = 1; item < 4; ++item) EXPECT_NEAR(drawn_for_1[item], 133, 40);
  EXPECT_EQ(draw_unseen_items(kData, users, 5), draw_unseen_items(kData, users, 5));
}

TEST(NegativeItems, AUserWhoHadAllIsAnError) {
  const TinyDataset all({{0, 1, 0, 0}}, 2, 8);
  EXPECT_THROW(draw_unseen_items(all, std::vector<int64_t>{0}, 1), Error);
}

TEST(NegativeItems, SharedOnesAreDrawnAsOftenAsExpected) {
  for (const double power : {0.0, 1.0}) {
    const SharedNegatives negatives(kData, 20'000, power);
    std::vector<double> counts(4, 0);
    for (const int64_t item : negatives.draw(1)) counts[item] += 1;
    for (size_t item = 0; item < 4; ++item) {
      EXPECT_NEAR(counts[item], negatives.expected()[item], 300) << item << ", power " << power;
    }
    EXPECT_EQ(negatives.draw(1), negatives.draw(1));
    EXPECT_NE(negatives.draw(1), negatives.draw(2));
  }
  const SharedNegatives popular(kData, 800, 1);
  EXPECT_DOUBLE_EQ(popular.expected()[0], 400);  // (3 + 1) of 4 + 2 + 1 + 1.
}

}  // namespace
}  // namespace seqsweep
