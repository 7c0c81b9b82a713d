#include "core/data/chronology.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Row {
  int32_t user, item;
  int64_t time_us;
};

InteractionTable table_of(const std::vector<Row>& rows, Times times = Times::Unix) {
  InteractionTable table;
  table.set_traits({.ratings = true, .times = times});
  for (const Row& row : rows) {
    table.user.push_back(row.user);
    table.item.push_back(row.item);
    table.rating.push_back(static_cast<float>(row.item) / 2);
    if (times != Times::None) table.time_us.push_back(row.time_us);
  }
  return table;
}

// Long and short histories, many ties: against std::stable_sort over all rows.
TEST(Chronology, EqualsAStableSortOfTheWholeTable) {
  constexpr int kUsers = 60;
  for (const bool ranked : {false, true}) {
    Rng rng(5);
    std::vector<Row> rows;
    for (int32_t user = 0; user < kUsers; ++user) rows.push_back({user, 0, 4'000'000});
    for (int i = 0; i < 5000; ++i) {
      const auto user = static_cast<int32_t>(rng.below(kUsers) * rng.below(kUsers) / kUsers);
      rows.push_back({user, static_cast<int32_t>(rng.below(50)),
                      static_cast<int64_t>(rng.below(9)) * 1'000'000});
    }
    std::vector<int32_t> rank;
    for (int32_t item = 0; ranked && item < 50; ++item) rank.push_back(item * 7 % 50);
    InteractionTable table = table_of(rows);
    const UserSequences found = order_by_time(table, kUsers, rank);
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
      if (a.user != b.user) return a.user < b.user;
      if (a.time_us != b.time_us) return a.time_us < b.time_us;
      return ranked && rank[static_cast<size_t>(a.item)] < rank[static_cast<size_t>(b.item)];
    });
    ASSERT_EQ(found.items.size(), rows.size());
    ASSERT_EQ(found.offsets.size(), kUsers + 1U);
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(found.items[i], rows[i].item) << i;
      ASSERT_EQ(found.ratings[i], static_cast<float>(rows[i].item) / 2) << i;
      ASSERT_EQ(found.timestamps[i], rows[i].time_us / 1'000'000) << i;
      const auto user = static_cast<size_t>(rows[i].user);
      ASSERT_GE(static_cast<int64_t>(i), found.offsets[user]);
      ASSERT_LT(static_cast<int64_t>(i), found.offsets[user + 1]);
    }
  }
}

TEST(Chronology, WithoutTimesTheFileOrderIsTheOrder) {
  InteractionTable table = table_of({{1, 5, 0}, {0, 4, 0}, {1, 3, 0}}, Times::None);
  const UserSequences found = order_by_time(table, 2, {});
  EXPECT_THAT(found.offsets, ElementsAre(0, 1, 3));
  EXPECT_THAT(found.items, ElementsAre(4, 5, 3));
  EXPECT_THAT(found.timestamps, IsEmpty());
}

TEST(Chronology, TimesThatAreOnlyAnOrderAreNotKept) {
  InteractionTable table = table_of({{0, 5, 2}, {0, 4, 1}}, Times::OrderOnly);
  const UserSequences found = order_by_time(table, 1, {});
  EXPECT_THAT(found.items, ElementsAre(4, 5));
  EXPECT_THAT(found.timestamps, IsEmpty());
}

TEST(Chronology, FractionsOfSecondsOrderAndAreRoundedDown) {
  InteractionTable table = table_of({{0, 1, 1'900'000}, {0, 2, 1'100'000}, {0, 3, -1}});
  const UserSequences found = order_by_time(table, 1, {});
  EXPECT_THAT(found.items, ElementsAre(3, 2, 1));
  EXPECT_THAT(found.timestamps, ElementsAre(-1, 1, 1));
}

}  // namespace
}  // namespace seqsweep
