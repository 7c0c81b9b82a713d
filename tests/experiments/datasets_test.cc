// Every registered data set, on small raw files, and on the real ones where SEQSWEEP_DATA has them.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>

#include "core/data/prepare.h"
#include "core/data/registry.h"
#include "tests/core/data/temporary_folder.h"

namespace seqsweep {
namespace {

class Datasets : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("SEQSWEEP_CACHE", cache_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("SEQSWEEP_CACHE"); }

  std::shared_ptr<const Dataset> make(const Json& spec, const std::filesystem::path& data_dir) {
    return datasets().make(spec, {.data_dir = data_dir});
  }
  TemporaryFolder cache_, data_;
};

class RealDatasets : public Datasets {
 protected:
  void SetUp() override {
    Datasets::SetUp();
    if (!std::getenv("SEQSWEEP_DATA")) GTEST_SKIP() << "SEQSWEEP_DATA is not set";
    real_ = std::getenv("SEQSWEEP_DATA");
  }
  std::filesystem::path real_;
};

TEST_F(RealDatasets, MovieLens100kHasThePublishedStatistics) {
  const auto dataset = make({{"name", "ml-100k"}}, real_);
  EXPECT_EQ(dataset->users(), 943);
  EXPECT_EQ(dataset->items(), 1349);
  EXPECT_EQ(dataset->interactions(), 99287);
  EXPECT_EQ(dataset->max_length(), 200);
  EXPECT_EQ(dataset->item_key(0), "242");
  EXPECT_EQ(dataset->title(0), "Kolya (1996)");
  const auto times = dataset->timestamps(0);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST_F(Datasets, SyntheticHasTitlesRatingsAndTimes) {
  const auto dataset = make({{"name", "synthetic"}}, data_.path());
  EXPECT_EQ(dataset->users(), 1000);
  EXPECT_EQ(dataset->ratings(7).size(), dataset->sequence(7).size());
  EXPECT_EQ(dataset->timestamps(7).size(), dataset->sequence(7).size());
  EXPECT_NE(dataset->title(0), "");
}

}  // namespace
}  // namespace seqsweep
