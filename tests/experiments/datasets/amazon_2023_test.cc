#include <gmock/gmock.h>

#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

// The three forms that the publisher offers, with the same content.
constexpr const char* kCsv =
    "user_id,parent_asin,rating,timestamp\n"
    "AGKH,B00YQ6X8EO,5.0,1588687728923\nAGKH,B081TJ8YS3,4.0,1588615855070\n"
    "AGKH,B07PNNCSP9,1.0,1589665266052\n";
constexpr const char* kReviews =
    R"({"rating": 5.0, "asin": "x", "parent_asin": "B00YQ6X8EO", "user_id": "AGKH", "timestamp": 1588687728923}
{"rating": 4.0, "asin": "y", "parent_asin": "B081TJ8YS3", "user_id": "AGKH", "timestamp": 1588615855070}
{"rating": 1.0, "asin": "z", "parent_asin": "B07PNNCSP9", "user_id": "AGKH", "timestamp": 1589665266052}
)";
constexpr const char* kMeta =
    R"({"main_category": "All Beauty", "title": "Howard \"Oil\"", "parent_asin": "B00YQ6X8EO"}
{"title": "not kept", "parent_asin": "B0"}
{"title": null, "parent_asin": "B07PNNCSP9"}
)";

void expect_content(const Dataset& dataset) {
  EXPECT_THAT(keys_of(dataset, 0), ElementsAre("B081TJ8YS3", "B00YQ6X8EO", "B07PNNCSP9"));
  EXPECT_THAT(dataset.ratings(0), ElementsAre(4, 5, 1));
  EXPECT_THAT(dataset.timestamps(0), ElementsAre(1588615855, 1588687728, 1589665266));
  EXPECT_EQ(dataset.user_key(0), "AGKH");
  EXPECT_EQ(dataset.title(0), "Howard \"Oil\"");
  EXPECT_EQ(titled_items(dataset), 1);
  EXPECT_EQ(dataset.max_length(), 50);
}

TEST_F(Datasets, Amazon2023ReadsCsvPackedCsvAndReviews) {
  const Json games = {{"name", "amazon-video-games-2023"}, {"core", 0}};
  const std::string folder = "amazon-video-games-2023/";
  data_.write(folder + "Video_Games.csv", kCsv);
  data_.write_gz(folder + "meta_Video_Games.jsonl.gz", kMeta);
  expect_content(*make(games));
  std::filesystem::rename(data_.path() / (folder + "Video_Games.csv"), data_.path() / "away");
  data_.write_gz(folder + "Video_Games.jsonl.gz", kReviews);
  expect_content(*make(games));
  data_.write_gz(folder + "Video_Games.csv.gz", kCsv);
  expect_content(*make(games));
}

TEST_F(Datasets, Amazon2023BeautyHasItsOwnFiles) {
  data_.write("amazon-beauty-2023/Beauty_and_Personal_Care.csv", kCsv);
  data_.write("amazon-beauty-2023/meta_Beauty_and_Personal_Care.jsonl", kMeta);
  expect_content(*make({{"name", "amazon-beauty-2023"}, {"core", 0}}));
}

// A sweep must not find out after hours that nothing can be fetched.
TEST(Amazon2023, RecipesNameTheFilesThatAreRead) {
  for (const char* name : {"amazon-beauty-2023", "amazon-video-games-2023"}) {
    const FetchRecipe& recipe = fetch_recipes().at(name);
    ASSERT_EQ(recipe.downloads.size(), 2U);
    EXPECT_EQ(recipe.downloads[0].file, recipe.files.interactions.front());
    EXPECT_EQ(recipe.downloads[1].file, recipe.files.titles.front());
    EXPECT_TRUE(recipe.downloads[0].url.ends_with("/" + recipe.downloads[0].file));
    EXPECT_TRUE(recipe.downloads[0].checksum.starts_with("md5:"));
  }
}

}  // namespace
}  // namespace seqsweep
