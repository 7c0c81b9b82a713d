#include "core/data/synthetic.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/core/data/table_support.h"

namespace seqsweep {
namespace {

InteractionTable made(const SyntheticConfig& config) {
  InteractionTable table;
  make_synthetic_interactions(config, table);
  return table;
}

TEST(Synthetic, TheSeedDecidesEverything) {
  EXPECT_EQ(rows_of(made({.users = 50})), rows_of(made({.users = 50})));
  EXPECT_NE(rows_of(made({.users = 50})), rows_of(made({.users = 50, .seed = 2})));
}

TEST(Synthetic, SizesAreAsConfigured) {
  const InteractionTable table = made({.users = 2000, .items = 300, .mean_length = 20});
  EXPECT_EQ(table.user_keys().size(), 2000);
  EXPECT_LE(table.item_keys().size(), 300);
  EXPECT_NEAR(static_cast<double>(table.size()) / 2000, 20, 1);
  std::vector<int> lengths(2000);
  for (const int32_t user : table.user) ++lengths[static_cast<size_t>(user)];
  EXPECT_GE(*std::min_element(lengths.begin(), lengths.end()), 5);
}

TEST(Synthetic, RatingsAreOneToFiveAndTimesRise) {
  const InteractionTable table = made({.users = 100});
  for (size_t i = 0; i < table.rating.size(); ++i) {
    EXPECT_TRUE(table.rating[i] >= 1 && table.rating[i] <= 5);
    if (i > 0 && table.user[i] == table.user[i - 1]) {
      EXPECT_GE(table.time_us[i], table.time_us[i - 1]);
    }
  }
}

// Zipf inside a topic: the most popular item has about twice the interactions of the second.
TEST(Synthetic, PopularityFallsLikeZipf) {
  const InteractionTable table = made({.users = 5000, .items = 100, .topics = 1});
  std::map<std::string_view, double> counts;
  for (const int32_t item : table.item) ++counts[table.item_keys().key(item)];
  EXPECT_NEAR(counts["i1"] / counts["i2"], 2, 0.2);
  EXPECT_NEAR(counts["i1"] / counts["i10"], 10, 1.5);
}

// Neighbouring interactions share a topic far more often than chance.
TEST(Synthetic, TastesDrift) {
  const InteractionTable table = made({.users = 500, .items = 200, .topics = 20});
  int same = 0, pairs = 0;
  const auto topic = [&](size_t i) {
    return (std::stoi(std::string(table.item_keys().key(table.item[i]).substr(1))) - 1) % 20;
  };
  for (size_t i = 1; i < table.user.size(); ++i) {
    if (table.user[i] != table.user[i - 1]) continue;
    ++pairs;
    same += topic(i) == topic(i - 1);
  }
  EXPECT_NEAR(static_cast<double>(same) / pairs, 0.85 * 0.9 * 0.9, 0.04);
}

TEST(Synthetic, EveryItemHasATitleOfItsOwn) {
  const SyntheticConfig config{.items = 3};
  const auto titles = titles_of({"i1", "i2", "i3"},
                                [&](TitleTable& table) { make_synthetic_titles(config, table); });
  EXPECT_THAT(titles, ::testing::ElementsAre(::testing::EndsWith(" 1"), ::testing::EndsWith(" 2"),
                                             ::testing::EndsWith(" 3")));
}

TEST(Synthetic, OneItemOfOneTopicWorks) {
  EXPECT_EQ(made({.users = 3, .items = 1}).item_keys().size(), 1);
}

}  // namespace
}  // namespace seqsweep
