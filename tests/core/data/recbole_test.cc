#include "core/data/recbole.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/core/data/table_support.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

class Recbole : public ::testing::Test {
 protected:
  std::vector<std::string> read(const std::string& text) {
    InteractionTable table;
    EXPECT_EQ(read_recbole_interactions(folder_.write("x.inter", text), 0, table), 0);
    return rows_of(table);
  }
  std::vector<std::string> read_titles(const std::string& text) {
    const auto path = folder_.write("x.item", text);
    return titles_of({"1", "2"}, [&](TitleTable& table) { read_recbole_titles(path, 0, table); });
  }
  RawFolder folder_;
};

TEST_F(Recbole, InteractionsWithTypedHeader) {
  EXPECT_THAT(read("user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
                   "196\t242\t3\t881250949\n186\t302\t3.5\t8.91717742e8\n"),
              ElementsAre("196 242 3 881250949000000", "186 302 3.5 891717742000000"));
}

TEST_F(Recbole, RatingAndTimeMayMiss) {
  EXPECT_THAT(read("item_id:token\tuser_id:token\nb\ta\n"), ElementsAre("a b"));
  EXPECT_THROW(read("user_id:token\trating:float\na\t1\n"), Error);
}

TEST_F(Recbole, TitlesUnderAnyOfTheirNames) {
  EXPECT_THAT(read_titles("item_id:token\tmovie_title:token_seq\tclass:token_seq\n"
                          "1\tToy Story\tAnimation\n2\tGolden, Eye\tAction\n"),
              ElementsAre("Toy Story", "Golden, Eye"));
  EXPECT_THAT(read_titles("title:token_seq\titem_id:token\nPen\t2\n"), ElementsAre("", "Pen"));
  EXPECT_THAT(read_titles("item_id:token\tprice:float\n1\t3\n"), ElementsAre("", ""));
}

}  // namespace
}  // namespace seqsweep
