#include "tools/export/new_folder.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

size_t entries(const TemporaryFolder& folder) {
  const std::filesystem::directory_iterator all(folder / ".");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(NewFolder, AppearsWhole) {
  const TemporaryFolder folder;
  NewFolder out(folder / "runs/");
  out.write("a/b/c.txt", "text");
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
  out.commit();
  EXPECT_EQ(read_file(folder / "runs/a/b/c.txt"), "text");
  EXPECT_EQ(entries(folder), 1U);
}

TEST(NewFolder, IsGoneWhenNotCommitted) {
  const TemporaryFolder folder;
  { NewFolder(folder / "runs").write("a", "text"); }
  EXPECT_EQ(entries(folder), 0U);
}

TEST(NewFolder, TakesNoPlaceOfAnother) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "runs", "a file");
  const Error error = error_of([&] { NewFolder(folder / "runs"); });
  EXPECT_EQ(error.exit_code(), 2);
  EXPECT_NE(std::string(error.what()).find("already"), std::string::npos);
  EXPECT_EQ(error_of([&] { NewFolder(folder / "runs/below"); }).exit_code(), 2);
}

}  // namespace
}  // namespace seqsweep
