#include "core/data/line_reader.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "number:text" of every line.
std::vector<std::string> lines_of(const std::filesystem::path& path, size_t block_bytes = 1 << 16) {
  std::vector<std::string> lines;
  LineReader reader(path, block_bytes);
  while (const auto line = reader.next()) {
    lines.push_back(std::to_string(reader.line_number()) + ":" +
                    std::string(line->begin(), line->end()));
  }
  EXPECT_FALSE(reader.next()) << "the end stays the end";
  return lines;
}

class LineReaderTest : public ::testing::Test {
 protected:
  RawFolder folder_;
};

TEST_F(LineReaderTest, LineEndsMayBeUnixOrWindowsAndTheLastMayMiss) {
  EXPECT_THAT(lines_of(folder_.write("a", "one\ntwo\r\nthree")),
              ElementsAre("1:one", "2:two", "3:three"));
  EXPECT_THAT(lines_of(folder_.write("a", "one\n\n\r\ntwo\n")), ElementsAre("1:one", "4:two"));
}

TEST_F(LineReaderTest, ByteOrderMarkIsDroppedAtTheStartOnly) {
  EXPECT_THAT(lines_of(folder_.write("a", "\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")),
              ElementsAre("1:one", "2:\xef\xbb\xbftwo"));
}

TEST_F(LineReaderTest, EmptyFilesHaveNoLines) {
  EXPECT_THAT(lines_of(folder_.write("a", "")), IsEmpty());
  EXPECT_THAT(lines_of(folder_.write("a", "\xef\xbb\xbf\n")), IsEmpty());
  EXPECT_THAT(lines_of(folder_.write_gz("a.gz", "")), IsEmpty());
}

TEST_F(LineReaderTest, LinesOfAnyLengthCrossAnyBlockBorder) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string line(static_cast<size_t>(1 + i * 7 % 97), static_cast<char>('a' + i % 26));
    text += line + "\n";
    expected.push_back(std::to_string(i + 1) + ":" + line);
  }
  const auto plain = folder_.write("a", text), packed = folder_.write_gz("a.gz", text);
  for (const size_t block : {1, 2, 31, 64, 100, 4096}) {
    EXPECT_EQ(lines_of(plain, block), expected) << block;
    EXPECT_EQ(lines_of(packed, block), expected) << block;
  }
}

TEST_F(LineReaderTest, BytesAfterALineCanBeRead) {
  LineReader reader(folder_.write("a", "x"), 1);
  const auto line = reader.next();
  ASSERT_TRUE(line);
  int sum = 0;
  for (size_t i = 0; i < LineReader::kPadding; ++i) sum += line->data()[i];
  EXPECT_GE(sum, static_cast<int>('x'));  // The sanitizers watch the reads.
}

TEST_F(LineReaderTest, GuessesTheNumberOfLinesOfPlainFiles) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(10000 + i) + "\n";
  LineReader plain(folder_.write("a", text), 1000);
  EXPECT_EQ(plain.expected_lines(), 0) << "nothing is read yet";
  plain.next();
  EXPECT_NEAR(static_cast<double>(plain.expected_lines()), 5000, 50);
  LineReader packed(folder_.write_gz("a.gz", text), 1000);
  packed.next();
  EXPECT_EQ(packed.expected_lines(), 0);
}

void expect_refused(const std::filesystem::path& path, const std::string& words) {
  try {
    lines_of(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST_F(LineReaderTest, UnreadableFilesAreInputErrorsThatNameThem) {
  expect_refused(folder_.path() / "none", "No such file");
  expect_refused(folder_.path(), "cannot read");
}

TEST_F(LineReaderTest, GzipThatIsCutOffOrDamagedIsRefused) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  const auto path = folder_.write_gz("a.gz", text);
  const auto size = std::filesystem::file_size(path);
  for (const auto kept : {size - 4, size / 2, size_t{40}}) {
    std::filesystem::resize_file(path, kept);
    expect_refused(path, "gzip data end too early");
  }
  const auto damaged = folder_.write_gz("b.gz", text);
  std::fstream(damaged, std::ios::in | std::ios::out | std::ios::binary).seekp(5000) << "damage";
  expect_refused(damaged, "b.gz");
}

TEST(ToUtf8, LeavesUtf8AndReadsTheRestAsLatin1) {
  EXPECT_EQ(to_utf8("plain"), "plain");
  EXPECT_EQ(to_utf8("Am\xc3\xa9lie"), "Am\xc3\xa9lie");
  EXPECT_EQ(to_utf8("Mis\xe9rables, Les"), "Mis\xc3\xa9rables, Les");
}

}  // namespace
}  // namespace seqsweep
