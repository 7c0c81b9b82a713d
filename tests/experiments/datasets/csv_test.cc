#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/experiments/datasets/dataset_fixture.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(Datasets, CsvFindsTheUsualColumns) {
  const auto path = data_.write("x.csv",
                                "\xef\xbb\xbfuserId,rating,itemId,timestamp\r\n"
                                "u,1,a,3\r\nu,2,\"b,\"\"c\"\"\",2\r\nu,3,d,1");
  const auto dataset = make({{"name", "csv"}, {"path", path.string()}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("d", "b,\"c\"", "a"));
  EXPECT_THAT(dataset->ratings(0), ElementsAre(3, 2, 1));
}

TEST_F(Datasets, CsvTakesColumnsSeparatorUnitAndTitles) {
  const auto path = data_.write("x.txt", "9;3000;u;a\n8;2500;u;b\n7;1000;u;c\n");
  const auto titles = data_.write("t.txt", "Eh;a;x\nBe;b;x\nSecond;a;x\n");
  const auto dataset = make({{"name", "csv"},
                             {"path", path.string()},
                             {"columns", {"score", "when", "who", "what"}},
                             {"user", "who"},
                             {"item", "what"},
                             {"rating", "score"},
                             {"timestamp", "when"},
                             {"time_unit", "ms"},
                             {"separator", ";"},
                             {"titles_path", titles.string()},
                             {"title_columns", {"name", "what"}},
                             {"title", "name"},
                             {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("c", "b", "a"));
  EXPECT_THAT(dataset->timestamps(0), ElementsAre(1, 2, 3));
  EXPECT_THAT(dataset->ratings(0), ElementsAre(7, 8, 9));
  EXPECT_EQ(dataset->title(0), "Eh");
  EXPECT_EQ(dataset->title(2), "");
}

TEST_F(Datasets, CsvWithoutTimesKeepsTheFileOrder) {
  const auto path = data_.write_gz("x.csv.gz", "user,item\nu,b\nu,a\nu,c\n");
  const auto dataset = make({{"name", "csv"}, {"path", path.string()}, {"core", 0}});
  EXPECT_THAT(keys_of(*dataset, 0), ElementsAre("b", "a", "c"));
  EXPECT_TRUE(dataset->timestamps(0).empty());
}

void expect_refused(const std::function<void()>& work, const std::string& words) {
  try {
    work();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitBadInput);
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST_F(Datasets, CsvMistakesAreInputErrors) {
  expect_refused([&] { make({{"name", "csv"}}); }, "needs a 'path'");
  expect_refused([&] { make({{"name", "csv"}, {"path", "/none.csv"}}); }, "/none.csv");
  const auto path = data_.write("x.csv", "user,item\nu,a\nu\nu,b\nu,c\n").string();
  expect_refused(
      [&] {
        make({{"name", "csv"}, {"path", path}, {"separator", ""}});
      },
      "the 'separator' is empty");
  expect_refused(
      [&] {
        make({{"name", "csv"}, {"path", path}, {"user", "usr"}});
      },
      "no column 'usr'");
  expect_refused(
      [&] {
        make({{"name", "csv"}, {"path", path}, {"core", 0}});
      },
      "x.csv:3: too few fields: 'u'");
  const auto dataset =
      make({{"name", "csv"}, {"path", path}, {"core", 0}, {"malformed_share", 0.25}});
  EXPECT_EQ(dataset->preparation().malformed_rows, 1);
}

}  // namespace
}  // namespace seqsweep
