#include "db/queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/support.h"

namespace seqsweep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Queries : public testing::Test {
 protected:
  void SetUp() override {
    store_.add_sweep("first", "name: first", planned({"f00d", "beef"}));
    store_.add_sweep("second", "name: second", planned({"beef", "f00d11", "cafe"}));
  }
  std::vector<std::string> ids(const std::string& sweep) {
    std::vector<std::string> ids;
    for (const ResultRow& row : read_results(reader_, sweep)) ids.push_back(row.run_id);
    return ids;
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db", 0};
  Database reader_ = Database::open_for_reading(folder_ / "results.db");
};

TEST_F(Queries, ResultsAreInTheGridsOrderAndWithoutASweepAreAllRunsOnce) {
  EXPECT_THAT(ids("second"), ElementsAre("beef", "f00d11", "cafe"));
  EXPECT_THAT(ids(""), ElementsAre("f00d", "beef", "f00d11", "cafe"));
  EXPECT_THAT(ids("no such sweep"), ElementsAre());
}

TEST_F(Queries, SweepsCountTheirRunsByStatus) {
  ASSERT_TRUE(store_.finish(store_.start_attempt("beef", kPlace), result(0.5)));
  store_.fail(store_.start_attempt("cafe", kPlace), "error", "no", AfterFailure::GiveUp);
  store_.cancel("f00d11");
  store_.start_attempt("f00d", kPlace);
  const auto sweeps = read_sweeps(reader_);
  ASSERT_EQ(sweeps.size(), 2U);
  EXPECT_EQ(sweeps[0].name, "first");
  EXPECT_EQ(sweeps[0].runs.running, 1);
  EXPECT_EQ(sweeps[0].runs.done, 1);
  EXPECT_EQ(sweeps[0].runs.total(), 2);
  EXPECT_EQ(sweeps[1].runs.failed, 1);
  EXPECT_EQ(sweeps[1].runs.cancelled, 1);
  EXPECT_EQ(sweeps[1].runs.pending, 0);
}

TEST_F(Queries, ARunIsFoundByTheStartOfItsId) {
  EXPECT_EQ(find_run(reader_, "be"), "beef");
  EXPECT_EQ(find_run(reader_, "f00d"), "f00d");  // Whole ids win.
  const Error several = error_of([&] { find_run(reader_, "f0"); });
  EXPECT_EQ(several.exit_code(), kExitBadInput);
  EXPECT_THAT(several.what(), HasSubstr("f00d and f00d11"));
  const Error none = error_of([&] { find_run(reader_, "\x1b' OR 1"); });
  EXPECT_EQ(none.exit_code(), kExitBadInput);
  EXPECT_THAT(none.what(), HasSubstr("' OR 1"));
  EXPECT_THAT(none.what(), Not(HasSubstr("\x1b")));
}

TEST_F(Queries, TheViewUnpacksUserRanks) {
  RunResult sent = result(0.5);
  sent.user_ranks = {0, -1, 1, 255, 256, 65536, 1 << 24, 2147483647, -2147483648};
  ASSERT_TRUE(store_.finish(store_.start_attempt("beef", kPlace), sent));
  ASSERT_TRUE(store_.finish(store_.start_attempt("cafe", kPlace), result(0.5)));
  std::vector<int32_t> unpacked;
  Query rows(reader_, "SELECT user, rank FROM user_rank_rows WHERE run = 'beef' ORDER BY user");
  while (rows.next()) {
    EXPECT_EQ(rows.integer(0), static_cast<int64_t>(unpacked.size()));
    unpacked.push_back(static_cast<int32_t>(rows.integer(1)));
  }
  EXPECT_EQ(unpacked, sent.user_ranks);
}

}  // namespace
}  // namespace seqsweep
