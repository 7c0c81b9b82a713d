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

TEST(RunStore, ADatasetIsStoredWithTheResultsOnIt) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("quick", "name: quick", planned({"r1", "r2"}));
  RunResult told = result(0.25);
  EXPECT_TRUE(store.finish(store.start_attempt("r1", kPlace), told));
  EXPECT_TRUE(read_datasets(store.database()).empty()) << "nothing was told";
  told.users = 943, told.items = 1349, told.interactions = 99287;
  EXPECT_TRUE(store.finish(store.start_attempt("r2", kPlace), told));

  const auto datasets = read_datasets(store.database());
  ASSERT_EQ(datasets.size(), 1U);
  EXPECT_EQ(datasets[0].config, R"({"name":"tiny"})");
  EXPECT_EQ(datasets[0].name, "tiny");
  EXPECT_EQ(datasets[0].users, 943);
  EXPECT_EQ(datasets[0].items, 1349);
  EXPECT_EQ(datasets[0].interactions, 99287);
}

}  // namespace
}  // namespace seqsweep
