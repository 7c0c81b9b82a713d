#include "core/base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  Files() { fs::create_directories(folder_); }
  ~Files() override { fs::remove_all(folder_); }
  size_t file_count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }
  const fs::path folder_ = fs::temp_directory_path() / ("files_test_" + std::to_string(::getpid()));
};

TEST_F(Files, WritesWholeAndReplaces) {
  write_file_atomic(folder_ / "new" / "a", "one");
  write_file_atomic(folder_ / "new" / "a", "two");
  EXPECT_EQ(read_file(folder_ / "new" / "a"), "two");
}

TEST_F(Files, WithoutCommitNothingAppearsAndNothingStays) {
  {
    AtomicFile file(folder_ / "a");
    file.write("abc", 3);
    EXPECT_EQ(file_count(), 1U);
  }
  EXPECT_EQ(file_count(), 0U);
}

// As a shell's redirection does.
TEST_F(Files, WritesThroughLinksAndIntoPipesAndDevices) {
  write_file_atomic(folder_ / "target", "old");
  fs::create_symlink("target", folder_ / "link");
  write_file_atomic(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "target"), "new");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  const int reader = ::open((folder_ / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  write_file_atomic(folder_ / "pipe", "abc");
  char text[4] = {};
  EXPECT_EQ(::read(reader, text, 3), 3);
  EXPECT_STREQ(text, "abc");
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
  EXPECT_THROW(write_file_atomic(folder_, "x"), Error);  // A folder.
}

TEST_F(Files, MissingFileIsBadInputThatNamesThePath) {
  try {
    read_file(folder_ / "none");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_NE(std::string(error.what()).find("none"), std::string::npos);
  }
  EXPECT_THROW(MappedFile(folder_ / "none"), Error);
  EXPECT_THROW(MappedFile{folder_}, Error);  // A folder.
}

TEST_F(Files, UnwritablePlaceIsAWorldError) {
  write_file_atomic(folder_ / "file", "x");
  try {
    write_file_atomic(folder_ / "file" / "below", "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
  }
}

TEST_F(Files, KnowsWhatLeavesTheWorkingFolder) {
  for (const char* inside : {"data", ".", "a/../b", "./new/deep", ""}) {
    EXPECT_FALSE(leaves_working_folder(inside)) << inside;
  }
  EXPECT_FALSE(leaves_working_folder(std::filesystem::current_path() / "data"));
  for (const char* outside : {"..", "../x", "a/../../x", "/etc/passwd", "/"}) {
    EXPECT_TRUE(leaves_working_folder(outside)) << outside;
  }
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  std::filesystem::create_directory_symlink("/usr", "link");
  EXPECT_TRUE(leaves_working_folder("link/x"));
  std::filesystem::current_path(before);
}

TEST_F(Files, MapsAndHashes) {
  write_file_atomic(folder_ / "abc", "abc");
  write_file_atomic(folder_ / "empty", "");
  EXPECT_EQ(MappedFile(folder_ / "abc").bytes().size(), 3U);
  EXPECT_EQ(MappedFile(folder_ / "empty").bytes().size(), 0U);
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(sha256_of_file(folder_ / "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace seqsweep
