#include "core/data/raw_files.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const RawNames kNames = {.interactions = {"a.dat", "b.csv"}, .titles = {"t.dat"}};

TEST(FindRawFiles, TheFirstOfTheNamesCounts) {
  const RawFolder folder;
  const auto b = folder.write("set/b.csv", ""), t = folder.write("set/t.dat", "");
  EXPECT_THAT(find_raw_files("set", folder.path(), kNames).all(), ElementsAre(b, t));
  const auto a = folder.write("set/a.dat", "");
  EXPECT_EQ(find_raw_files("set", folder.path(), kNames).interactions, a);
}

TEST(FindRawFiles, WithoutTitlesItWarnsOnlyWhereTheyAreUsual) {
  const RawFolder folder;
  const auto b = folder.write("set/b.csv", "");
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(find_raw_files("set", folder.path(), kNames).all(), ElementsAre(b));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("no t.dat"));
  ::testing::internal::CaptureStderr();
  find_raw_files("set", folder.path(), {.interactions = {"b.csv"}});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(FindRawFiles, WithoutInteractionsTheErrorSaysWhatToDo) {
  const RawFolder folder;
  try {
    find_raw_files("set", folder.path(), kNames);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("a.dat or b.csv"), HasSubstr("data prepare set"),
                                    HasSubstr("--raw PATH")));
  }
}

}  // namespace
}  // namespace seqsweep
