#include "core/data/k_core.h"

#include <gmock/gmock.h>

#include <map>

#include "core/base/random.h"
#include "tests/core/data/table_support.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

InteractionTable table_of(const std::vector<std::pair<int, int>>& rows) {
  InteractionTable table;
  table.set_traits({.ratings = true, .times = Times::Unix});
  for (size_t i = 0; i < rows.size(); ++i) {
    table.add({.user = std::to_string(rows[i].first),
               .item = std::to_string(rows[i].second),
               .rating = static_cast<float>(i),
               .time_us = static_cast<int64_t>(i)});
  }
  table.finish();
  return table;
}

// By the definition: whole rounds over maps.
std::vector<std::string> expected_core(std::vector<std::pair<int, int>> rows, CoreMinimum minimum) {
  std::vector<std::string> kept;
  std::vector<size_t> index(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) index[i] = i;
  for (size_t before = rows.size() + 1; before != index.size();) {
    before = index.size();
    std::map<int, int64_t> users, items;
    for (const size_t i : index) ++users[rows[i].first], ++items[rows[i].second];
    std::erase_if(index, [&](size_t i) {
      return users[rows[i].first] < minimum.user || items[rows[i].second] < minimum.item;
    });
  }
  for (const size_t i : index) {
    kept.push_back(fmt::format("{} {} {} {}", rows[i].first, rows[i].second, i, i));
  }
  return kept;
}

TEST(KCore, EqualsTheDefinitionOnRandomTables) {
  Rng rng(3);
  int smaller = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int, int>> rows;
    for (uint64_t left = rng.below(300); left > 0; --left) {
      rows.emplace_back(rng.below(40), rng.below(30) * rng.below(30) / 30);
    }
    const CoreMinimum minimum{static_cast<int64_t>(rng.below(8)),
                              static_cast<int64_t>(rng.below(8))};
    InteractionTable table = table_of(rows);
    keep_core(table, minimum);
    const auto expected = expected_core(rows, minimum);
    ASSERT_EQ(rows_of(table), expected) << "round " << round;
    smaller += !expected.empty() && expected.size() < rows.size();
  }
  EXPECT_GT(smaller, 50) << "the tables are too easy";
}

// Dropping an item costs a user, which costs another item, and so on to the end.
TEST(KCore, GoesOnToTheFixedPoint) {
  std::vector<std::pair<int, int>> chain;
  for (int i = 0; i < 50; ++i) chain.insert(chain.end(), {{i, i}, {i, i + 1}});
  InteractionTable table = table_of(chain);
  keep_core(table, {.user = 2, .item = 2});
  EXPECT_THAT(table.user, IsEmpty());
}

TEST(Renumber, NumbersByFirstAppearance) {
  std::vector<int32_t> column = {7, 2, 7, 0, 2};
  const Renumbering ids = renumber(column, 9);
  EXPECT_THAT(column, ElementsAre(0, 1, 0, 2, 1));
  EXPECT_THAT(ids.old_id, ElementsAre(7, 2, 0));
  EXPECT_THAT(ids.new_id, ElementsAre(2, -1, 1, -1, -1, -1, -1, 0, -1));
}

}  // namespace
}  // namespace seqsweep
