#include <gmock/gmock.h>

#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

TEST_F(Datasets, AmazonBeauty2014HasDaysAndTitles) {
  data_.write(
      "amazon-beauty-2014/interactions_time.tsv",
      "user\titem\ttimestamp\nA1\tB3\t1318982400\nA1\tB1\t1318896000\nA1\tB2\t1318896000\n");
  data_.write("amazon-beauty-2014/item_titles.tsv", "B1\tPrada \"Candy\", 1.7 Oz\nB2\t\n");
  const auto dataset = make({{"name", "amazon-beauty-2014"}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("B1", "B2", "B3"));
  EXPECT_THAT(dataset->timestamps(0), ElementsAre(1318896000, 1318896000, 1318982400));
  EXPECT_TRUE(dataset->ratings(0).empty());
  EXPECT_EQ(dataset->title(1), "Prada \"Candy\", 1.7 Oz");
}

class RealBeauty2014 : public RealDatasets {
 protected:
  RealBeauty2014() : RealDatasets("amazon-beauty-2014") {}
};

TEST_F(RealBeauty2014, HasThePublishedStatistics) {
  const auto dataset = make({{"name", "amazon-beauty-2014"}}, real_);
  EXPECT_EQ(size_of(*dataset), "22363/12101/198502");
  EXPECT_EQ(titled_items(*dataset), 12094);
}

TEST_F(RealBeauty2014, TheCsvDataSetReadsTheSame) {
  const auto folder = real_ / "amazon-beauty-2014";
  const auto dataset = make({{"name", "csv"},
                             {"path", (folder / "interactions_time.tsv").string()},
                             {"titles_path", (folder / "item_titles.tsv").string()},
                             {"title_columns", {"item", "title"}},
                             {"separator", "\t"}});
  EXPECT_EQ(size_of(*dataset), "22363/12101/198502");
  EXPECT_EQ(titled_items(*dataset), 12094);
}

class RealGames2014 : public RealDatasets {
 protected:
  RealGames2014() : RealDatasets("amazon-video-games-2014") {}
};

// SASRec's file was filtered once, not to the fixed point.
TEST_F(RealGames2014, HasThePublishedStatisticsBeforeTheCore) {
  const auto dataset = make({{"name", "amazon-video-games-2014"}}, real_);
  EXPECT_EQ(raw_size_of(*dataset), "31013/23715/287107");
  EXPECT_EQ(size_of(*dataset), "24303/10672/231780");
}

}  // namespace
}  // namespace seqsweep
