#include "tools/report/run_difference.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

std::vector<std::string> lines(const std::vector<Difference>& differences) {
  std::vector<std::string> out;
  for (const Difference& one : differences)
    out.push_back(one.part + " " + one.key + ": " + one.left + " | " + one.right);
  return out;
}

TEST(RunDifference, NestedKeysAndOneSidedOnes) {
  EXPECT_THAT(
      lines(json_differences("config", {{"a", {{"b", 1}, {"c", "x"}}}, {"d", true}},
                             {{"a", {{"b", 2}, {"c", "x"}}}, {"e", {1, 2}}})),
      ::testing::ElementsAre("config a.b: 1 | 2", "config d: true | ", "config e:  | [1,2]"));
}

TEST(RunDifference, ConfigAndResultsOfTwoRuns) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("s", "name: s",
                  std::vector{planned_run("a", run_config("toy", "net", 1)),
                              planned_run("b", run_config("toy", "net", 2, "usgm"))});
  finish(store, "a", result_of(0.125, 1));
  fail(store, "b", "loss is NaN");
  const auto found = lines(run_differences(store.database(), "a", "b"));
  EXPECT_THAT(found,
              ::testing::IsSupersetOf({"config optimizer.name: adam | usgm", "config seed: 1 | 2",
                                       "result error:  | loss is NaN", "result ndcg_10: 0.125 | ",
                                       "result status: done | failed"}));
  EXPECT_TRUE(run_differences(store.database(), "a", "a").empty());
}

}  // namespace
}  // namespace seqsweep
