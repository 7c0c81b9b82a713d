#include <gmock/gmock.h>

#include "core/base/text.h"
#include "core/data/line_reader.h"
#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

constexpr const char* kMovies =
    "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
    "661::Mis\xe9rables, Les: a title (1996)::Animation|Children's\n"
    "914::My Fair Lady (1964)::Musical\n";

TEST_F(Datasets, Ml1mReadsTheOriginalFilesAndTiesStayInFileOrder) {
  data_.write("ml-1m/ratings.dat",
              "1::1193::5::978300760\n1::914::3::978300760\n1::661::4::978300700\n");
  data_.write("ml-1m/movies.dat", kMovies);
  const auto dataset = make({{"name", "ml-1m"}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("661", "1193", "914"));
  EXPECT_THAT(dataset->ratings(0), ElementsAre(4, 5, 3));
  EXPECT_THAT(dataset->timestamps(0), ElementsAre(978300700, 978300760, 978300760));
  EXPECT_EQ(dataset->title(2), "Mis\xc3\xa9rables, Les: a title (1996)");
  const auto by_key = make({{"name", "ml-1m"}, {"core", 0}, {"ties", "item_key"}});
  EXPECT_THAT(keys_of(*by_key, 0), ElementsAre("661", "914", "1193"));
}

TEST_F(Datasets, Ml1mReadsTheOrderedFile) {
  data_.write_gz("ml-1m/ml-1m.ordered.csv.gz",
                 "user_id,pos,movie_id,rating\n1,1,1193,5\n1,0,661,4\n1,2,914,3\n");
  data_.write("ml-1m/movies.dat", kMovies);
  const auto dataset = make({{"name", "ml-1m"}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("661", "1193", "914"));
  EXPECT_TRUE(dataset->timestamps(0).empty()) << "a position is no time";
  EXPECT_EQ(titled_items(*dataset), 3);
}

class RealMl1m : public RealDatasets {
 protected:
  RealMl1m() : RealDatasets("ml-1m") {}
};

TEST_F(RealMl1m, HasThePapersStatisticsAndTitlesForAll) {
  const auto dataset = make({{"name", "ml-1m"}}, real_);
  EXPECT_EQ(size_of(*dataset), "6040/3416/999611");
  EXPECT_EQ(titled_items(*dataset), 3416);
  EXPECT_EQ(dataset->max_length(), 200);
}

// The same ratings as the original file would have them, positions for times.
TEST_F(RealMl1m, AsRatingsFileGivesTheSameSequences) {
  const auto ordered = make({{"name", "ml-1m"}}, real_);
  std::string ratings;
  LineReader lines(real_ / "ml-1m" / "ml-1m.ordered.csv.gz");
  lines.next();  // user_id,pos,movie_id,rating
  while (const auto line = lines.next()) {
    const auto fields = split({line->data(), line->size()}, ',');
    ratings += fmt::format("{}::{}::{}::{}\n", fields[0], fields[2], fields[3], fields[1]);
  }
  data_.write("ml-1m/ratings.dat", ratings);
  std::filesystem::copy(real_ / "ml-1m" / "movies.dat", data_.path() / "ml-1m" / "movies.dat");
  const auto rated = make({{"name", "ml-1m"}});
  ASSERT_EQ(size_of(*rated), "6040/3416/999611");
  EXPECT_EQ(titled_items(*rated), 3416);
  for (int64_t user = 0; user < rated->users(); ++user) {
    ASSERT_EQ(keys_of(*rated, user), keys_of(*ordered, user)) << user;
  }
}

TEST_F(RealMl1m, AsSasrecShipsItHasTheSameSize) {
  const auto dataset =
      make({{"name", "sequences"}, {"path", (real_ / "ml-1m" / "ml-1m.sasrec.txt").string()}});
  EXPECT_EQ(size_of(*dataset), "6040/3416/999611");
}

}  // namespace
}  // namespace seqsweep
