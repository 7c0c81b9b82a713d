#include "core/data/interaction_table.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/core/data/table_support.h"

namespace seqsweep {
namespace {

TEST(InteractionTable, RowsSurviveTheTextTheyCameFrom) {
  InteractionTable table;
  table.set_traits({.ratings = true, .times = Times::Unix});
  table.expect(1000);  // A guess, and too small.
  std::vector<std::string> expected;
  for (int i = 0; i < 200000; ++i) {
    std::string user = fmt::format("user {}", i * 31 % 5003), item = fmt::format("i{}", i % 1009);
    const auto rating = static_cast<float>(i % 5);
    table.add({.user = user, .item = item, .rating = rating, .time_us = i});
    expected.push_back(fmt::format("{} {} {} {}", user, item, rating, i));
    user.assign(user.size(), '#');
    item.assign(item.size(), '#');
  }
  table.finish();
  EXPECT_EQ(table.size(), 200000);
  EXPECT_EQ(table.user_keys().size(), 5003);
  EXPECT_EQ(table.item_keys().size(), 1009);
  EXPECT_EQ(rows_of(table), expected);
}

TEST(InteractionTable, HasOnlyTheColumnsOfItsSource) {
  InteractionTable table;
  table.set_traits({.times = Times::OrderOnly});
  table.add({.user = "u", .item = "i", .rating = 3, .time_us = 5});
  table.finish();
  EXPECT_TRUE(table.rating.empty());
  EXPECT_THAT(table.time_us, ::testing::ElementsAre(5));
}

TEST(InteractionTable, LongIdsAreKeptAndHugeOnesRefused) {
  InteractionTable table;
  const std::string longest(1 << 15, 'u');
  for (int i = 0; i < 10; ++i) table.add({.user = longest, .item = std::to_string(i)});
  table.finish();
  EXPECT_EQ(table.user_keys().size(), 1);
  EXPECT_EQ(table.user_keys().key(0), longest);
  EXPECT_THROW(table.add({.user = longest + "u", .item = "i"}), Error);
}

}  // namespace
}  // namespace seqsweep
