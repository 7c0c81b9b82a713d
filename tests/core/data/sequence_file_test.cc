#include "core/data/sequence_file.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/core/data/table_support.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SequenceFile : public ::testing::Test {
 protected:
  std::vector<std::string> read(const std::string& text, double share = 0) {
    InteractionTable table;
    malformed_ = read_sequences(folder_.write("x.txt", text), share, table);
    return rows_of(table);
  }
  RawFolder folder_;
  int64_t malformed_ = 0;
};

TEST_F(SequenceFile, OneItemALine) {
  EXPECT_THAT(read("1 10\n1 11\n2 10\n1 10"), ElementsAre("1 10", "1 11", "2 10", "1 10"));
}

TEST_F(SequenceFile, OneUserALine) {
  EXPECT_THAT(read("1 10 11 12\n2 10\n3 11 10\n"),
              ElementsAre("1 10", "1 11", "1 12", "2 10", "3 11", "3 10"));
}

TEST_F(SequenceFile, TabsSpacesWindowsLinesAndGzip) {
  EXPECT_THAT(read("a\tx\r\n a   y \r\n"), ElementsAre("a x", "a y"));
  InteractionTable table;
  read_sequences(folder_.write_gz("x.txt.gz", "a x\nb y\n"), 0, table);
  EXPECT_THAT(rows_of(table), ElementsAre("a x", "b y"));
}

TEST_F(SequenceFile, LinesWithoutAnItemAreMalformed) {
  EXPECT_THAT(read("1 10\n2\n1 11\n", 0.5), ElementsAre("1 10", "1 11"));
  EXPECT_EQ(malformed_, 1);
  EXPECT_THROW(read("1 10\n2\n1 11\n"), Error);
  EXPECT_THROW(read(""), Error);
}

// user item rating time: the second row of a user shows it.
TEST_F(SequenceFile, FilesOfOtherColumnsAreRefused) {
  try {
    read("1 10 5 978300760\n1 11 4 978300761\n1 12 4 978300762\n", 0.01);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("x.txt:2: the user already had a line of several items"));
  }
}

}  // namespace
}  // namespace seqsweep
