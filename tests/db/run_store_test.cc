#include "db/run_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "db/queries.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

TEST(RunStore, AResultComesBackAsItWasStored) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("quick", "name: quick", planned({"r1", "r2"}));
  const Ticket ticket = store.start_attempt("r1", kPlace);
  EXPECT_TRUE(store.finish(ticket, result(0.25)));

  const auto rows = read_results(store.database(), "quick");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].run_id, "r1");
  EXPECT_EQ(rows[0].status, "done");
  EXPECT_EQ(rows[0].ndcg_10, 0.25);
  EXPECT_EQ(rows[1].status, "pending");
  EXPECT_EQ(read_user_ranks(store.database(), "r1"), result(0.25).user_ranks);
}

}  // namespace
}  // namespace seqsweep
