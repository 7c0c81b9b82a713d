#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

TEST_F(Datasets, SequencesReadsBothShapes) {
  const auto rows = data_.write("rows.txt", "1 10\n1 11\n2 11\n1 10\n2 10\n2 12\n");
  const auto lines = data_.write("lines.txt", "1 10 11 10\n2 11 10 12\n");
  for (const auto& path : {rows, lines}) {
    const auto dataset = make({{"name", "sequences"}, {"path", path.string()}, {"core", 0}});
    EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("10", "11", "10")) << path;
    EXPECT_THAT(keys_of(*dataset, 1), ElementsAre("11", "10", "12")) << path;
    EXPECT_TRUE(dataset->ratings(0).empty());
  }
}

TEST_F(Datasets, SequencesNeedsAPath) {
  EXPECT_THROW(make({{"name", "sequences"}}), Error);
}

}  // namespace
}  // namespace seqsweep
