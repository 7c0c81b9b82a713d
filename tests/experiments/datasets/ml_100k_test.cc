#include <gmock/gmock.h>

#include <algorithm>

#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

TEST_F(Datasets, Ml100kReadsTheOriginalFiles) {
  data_.write("ml-100k/u.data",
              "196\t242\t3\t881250949\n196\t302\t3\t881250948\n196\t377\t1\t881250950\n");
  data_.write("ml-100k/u.item",
              "242|Kolya (1996)|24-Jan-1997||http://us.imdb.com/M/title-exact?Kolya|0|0\n"
              "302|Mis\xe9rables, Les (1995)|01-Jan-1995||http://us.imdb.com|0|0\n");
  const auto dataset = make({{"name", "ml-100k"}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("302", "242", "377"));
  EXPECT_THAT(dataset->ratings(0), ElementsAre(3, 3, 1));
  EXPECT_THAT(dataset->timestamps(0), ElementsAre(881250948, 881250949, 881250950));
  EXPECT_EQ(dataset->title(0), "Kolya (1996)");
  EXPECT_EQ(dataset->title(1), "Mis\xc3\xa9rables, Les (1995)");
  EXPECT_EQ(dataset->title(2), "");
}

TEST_F(Datasets, Ml100kReadsTheFilesOfRecbole) {
  data_.write("ml-100k/ml-100k.inter",
              "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
              "196\t242\t3\t881250949\n196\t302\t3\t881250948\n196\t377\t1\t881250950\n");
  data_.write("ml-100k/ml-100k.item",
              "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
              "242\tKolya\t1996\tComedy\n");
  const auto dataset = make({{"name", "ml-100k"}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("302", "242", "377"));
  EXPECT_EQ(dataset->title(0), "Kolya");
}

class RealMl100k : public RealDatasets {
 protected:
  RealMl100k() : RealDatasets("ml-100k") {}
};

TEST_F(RealMl100k, HasThePublishedStatistics) {
  const auto dataset = make({{"name", "ml-100k"}}, real_);
  EXPECT_EQ(size_of(*dataset), "943/1349/99287");
  EXPECT_EQ(raw_size_of(*dataset), "943/1682/100000");
  EXPECT_EQ(dataset->max_length(), 200);
  EXPECT_EQ(dataset->item_key(0), "242");
  EXPECT_EQ(dataset->title(0), "Kolya (1996)");
  EXPECT_EQ(titled_items(*dataset), 1349);
  for (int64_t user = 0; user < dataset->users(); ++user) {
    const auto times = dataset->timestamps(user);
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  }
  const DatasetStatistics statistics = statistics_of(*dataset);
  EXPECT_NEAR(statistics.mean_length, 105.29, 0.005);
  EXPECT_NEAR(statistics.density, 0.07805, 0.000005);
}

}  // namespace
}  // namespace seqsweep
