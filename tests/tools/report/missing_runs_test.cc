#include "tools/report/missing_runs.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> missing_of(const std::vector<ResultRow>& runs) {
  return missing_runs(summarize(runs, paper()).front());
}

TEST(MissingRuns, AFewRowsAreNamed) {
  EXPECT_THAT(missing_of({done_row(run_config("toy", "a", 1), 0.1, 1),
                          open_row(run_config("toy", "a", 2), "pending"),
                          open_row(run_config("toy", "b", 1), "running"),
                          done_row(run_config("toy", "c", 1), 0.1, 1)}),
              ElementsAre("a: 1 of 2 runs done; 1 pending.", "b: 0 of 1 runs done; 1 running."));
}

// A sweep that has just begun.
TEST(MissingRuns, ManyRowsAreCounted) {
  std::vector<ResultRow> runs;
  for (const char* model : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    const bool begun = *model >= 'e';
    for (const int64_t seed : {1, 2}) {
      const Json config = run_config("toy", model, seed);
      const bool done = begun && seed == 1;
      runs.push_back(done ? done_row(config, 0.1, 1) : open_row(config, "pending"));
    }
  }
  runs[0].status = "running";
  EXPECT_THAT(missing_of(runs),
              ElementsAre("4 rows have 4 of 8 runs done: 4 pending.",
                          "4 rows have no finished run yet: 7 pending, 1 running."));
}

TEST(MissingRuns, RowsThatFailAlikeShareANote) {
  std::vector<ResultRow> runs;
  for (const char* model : {"a", "b", "c", "d"}) {
    for (const int64_t seed : {1, 2}) {
      runs.push_back(open_row(run_config("toy", model, seed), "failed", "out of memory"));
    }
  }
  runs[0].error = "loss is NaN";
  EXPECT_THAT(missing_of(runs), ElementsAre("a, seed 1: failed: loss is NaN",
                                            "7 runs of 4 rows: failed: out of memory"));
}

TEST(MissingRuns, LongErrorsAreCut) {
  EXPECT_THAT(missing_of({open_row(run_config("toy", "a", 1), "failed", std::string(5000, 'x'))}),
              ElementsAre("a, seed 1: failed: " + std::string(300, 'x') + "..."));
}

}  // namespace
}  // namespace seqsweep
