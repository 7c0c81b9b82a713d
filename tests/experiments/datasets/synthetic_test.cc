#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

TEST_F(Datasets, SyntheticHasTitlesRatingsAndTimes) {
  const auto dataset = make({{"name", "synthetic"}});
  EXPECT_EQ(dataset->users(), 1000);
  EXPECT_EQ(dataset->ratings(7).size(), dataset->sequence(7).size());
  EXPECT_EQ(dataset->timestamps(7).size(), dataset->sequence(7).size());
  EXPECT_EQ(titled_items(*dataset), dataset->items());
}

TEST_F(Datasets, SyntheticOfAnotherSeedIsAnotherDataSet) {
  const auto one = make({{"name", "synthetic"}, {"users", 50}, {"core", 0}});
  const auto two = make({{"name", "synthetic"}, {"users", 50}, {"core", 0}, {"seed", 2}});
  EXPECT_NE(keys_of(*one, 0), keys_of(*two, 0));
}

}  // namespace
}  // namespace seqsweep
