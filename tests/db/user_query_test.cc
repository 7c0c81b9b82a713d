#include "db/user_query.h"

#include <gmock/gmock.h>

#include "db/queries.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UserQuery : public ::testing::Test {
 protected:
  UserQuery() { store_.add_sweep("s", "name: s", planned({"r1", "r2"})); }
  Database reader() { return Database::open_for_reading(folder_ / "results.db"); }
  std::string refusal(const std::string& sql) {
    Database database = reader();
    const Error error = error_of([&] { ask(database, sql); });
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db"};
};

TEST_F(UserQuery, GivesColumnsAndValuesOfEveryType) {
  Database database = reader();
  const SqlRows rows = ask(database, "SELECT 1 AS a, 2.5 AS b, 'x' AS c, x'00ff' AS d, NULL AS e;");
  EXPECT_THAT(rows.columns, ElementsAre("a", "b", "c", "d", "e"));
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(rows.rows[0][0], SqlValue(int64_t{1}));
  EXPECT_EQ(rows.rows[0][1], SqlValue(2.5));
  EXPECT_EQ(rows.rows[0][2], SqlValue(std::string("x")));
  EXPECT_EQ(rows.rows[0][3], SqlValue(SqlBlob{std::string("\0\xff", 2)}));
  EXPECT_EQ(rows.rows[0][4], SqlValue(std::monostate{}));
  EXPECT_EQ(ask(database, "SELECT run_id FROM results -- all").rows.size(), 2U);
}

TEST_F(UserQuery, WritesNothingAndOpensNothing) {
  EXPECT_THAT(refusal("DELETE FROM runs"), HasSubstr("only read"));
  EXPECT_THAT(refusal("SELECT 1; SELECT 2"), HasSubstr("more than one statement"));
  EXPECT_THAT(refusal("  -- nothing"), HasSubstr("no SQL"));
  refusal("ATTACH '" + (folder_ / "other.db").string() + "' AS other");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other.db"));
  refusal("VACUUM INTO '" + (folder_ / "copy.db").string() + "'");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy.db"));
  EXPECT_EQ(count_runs(store_.database()).total(), 2);
}

TEST_F(UserQuery, MisspeltNamesAreGuessed) {
  EXPECT_THAT(refusal("SELECT modle FROM results"),
              HasSubstr("no such column: modle; did you mean 'model'?"));
  EXPECT_THAT(refusal("SELECT * FROM result"), HasSubstr("did you mean 'results'?"));
  EXPECT_THAT(refusal("SELECT run FROM results"),
              HasSubstr("no such column: run; it is a column of sweep_runs, dependencies"));
  EXPECT_THAT(refusal("SELEC 1"), HasSubstr("syntax error"));
}

TEST_F(UserQuery, TablesHaveTheirColumns) {
  Database database = reader();
  std::vector<std::string> names;
  for (const SqlTable& table : read_tables(database)) {
    names.push_back(table.name);
    const bool results = table.name == "results";
    if (results || table.name == "runs") {  // A generated column, too.
      EXPECT_THAT(table.columns, Contains(results ? "ndcg_10" : "model"));
    }
  }
  EXPECT_THAT(names, Contains("user_rank_rows"));
}

TEST_F(UserQuery, ACopyIsWholeWhileTheWriterIsAtIt) {
  Database database = reader();
  database.copy_to(folder_ / "copy.db");
  Database copy = Database::open_for_reading(folder_ / "copy.db");
  EXPECT_EQ(count_runs(copy).total(), 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy.db-wal"));
  const Error error = error_of([&] { database.copy_to(folder_ / "copy.db"); });
  EXPECT_EQ(error.fault(), Fault::Input);
  EXPECT_THAT(error.what(), HasSubstr("exists already"));
}

TEST_F(UserQuery, TheEnvironmentIsThatOfTheLatestAttempt) {
  Database database = reader();
  EXPECT_EQ(read_environment(database, "r1"), "{}");
  store_.start_attempt("r1", kPlace);
  EXPECT_THAT(read_environment(database, "r1"), HasSubstr("abc123"));
}

}  // namespace
}  // namespace seqsweep
