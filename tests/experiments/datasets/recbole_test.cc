#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kRows =
    "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t3\nu\tb\t2\nu\tc\t1\n";

TEST_F(Datasets, RecboleTakesAFileOrItsFolder) {
  const auto file = data_.write("set/x.inter", kRows);
  data_.write("set/x.item", "item_id:token\ttitle:token_seq\na\tAh\n");
  for (const auto& path : {file, file.parent_path()}) {
    const auto dataset = make({{"name", "recbole"}, {"path", path.string()}, {"core", 0}});
    EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("c", "b", "a"));
    EXPECT_EQ(dataset->title(0), "Ah");
  }
}

TEST_F(Datasets, RecboleMistakesAreInputErrors) {
  const auto expect_refused = [&](const std::string& path, const std::string& words) {
    try {
      make({{"name", "recbole"}, {"path", path}});
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), kExitBadInput);
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  expect_refused("", "needs a 'path'");
  expect_refused(data_.path().string(), "holds no .inter file");
  data_.write("set/x.inter", kRows);
  data_.write("set/y.inter", kRows);
  expect_refused((data_.path() / "set").string(), "several .inter files");
}

}  // namespace
}  // namespace seqsweep
