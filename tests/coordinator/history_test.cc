#include "coordinator/history.h"

#include <gtest/gtest.h>

#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

TEST(History, DoneRunsTeachHowLongTheOthersTakeAndHowMuchMemory) {
  const TemporaryFolder folder;
  FakeClock clock;
  RunStore store(folder / "sweep.db", 0, clock);
  const std::vector<SweepRun> runs = seeds_of_a_run(2);
  add_sweep(store, runs);
  const AttemptPlace place{.worker = 1, .ranks = 1, .host = "a", .environment = "{}"};
  const Ticket first = store.start_attempt(runs[0].run_id, place);
  clock.now_ms += 4000;
  store.interrupt(first, 1);
  const Ticket second = store.start_attempt(runs[0].run_id, place);
  clock.now_ms += 6000;
  RunResult result = result_of(runs[0]);
  result.peak_memory_bytes = 5e9;
  ASSERT_TRUE(store.finish(second, result));
  const Estimator estimator = learnt_estimator(store.database(), {});
  const RunKind kind = estimator.kind_of(runs[1].config);
  EXPECT_DOUBLE_EQ(estimator.seconds(kind, "fake"), 10);
  EXPECT_EQ(estimator.memory(kind, "fake").value().bytes, 5'000'000'000);
}

TEST(History, ConfigsOfAnotherVersionTeachNothing) {
  const TemporaryFolder folder;
  RunStore store(folder / "sweep.db", 0);
  const std::vector<PlannedRun> planned = {{"old", {{"model", "unlike any"}}, {}}};
  store.add_sweep("sweep", "", planned);
  ASSERT_TRUE(store.finish(store.start_attempt("old", {.worker = 1, .environment = "{}"}), {}));
  EXPECT_FALSE(learnt_estimator(store.database(), {}).knows_any());
}

}  // namespace
}  // namespace seqsweep
