#include "coordinator/pruner.h"

#include <gmock/gmock.h>

#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

// Runs of one seed that differ in their training.
std::vector<SweepRun> rivals(int64_t count) {
  std::vector<SweepRun> runs = seeds_of_a_run(count);
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].config.seed = 1;
    runs[i].config.train.batch_size = static_cast<int64_t>(i) + 1;
    runs[i].run_id = config_hash(runs[i].config.json());
  }
  return runs;
}

class PrunerTest : public ::testing::Test {
 protected:
  std::string judge(size_t run, int64_t epoch, double value, const char* name = "ndcg@10") {
    const auto verdict = pruner_.judge(runs_[run].run_id, {epoch, "validation", name, value});
    return verdict.value_or("goes on");
  }
  std::vector<SweepRun> runs_ = rivals(4);
  Pruner pruner_{PruneConfig{.metric = "ndcg@10", .keep = 0.5, .rungs = {2, 5}}, runs_};
};

TEST_F(PrunerTest, TheBetterHalfGoesOn) {
  EXPECT_EQ(judge(0, 1, 0.0), "goes on");  // Before the first rung.
  EXPECT_EQ(judge(0, 2, 0.3), "goes on");  // The first one there.
  EXPECT_THAT(judge(1, 2, 0.2),
              HasSubstr("pruned: ndcg@10 0.2000 after 2 epochs, 1 of 1 runs were better"));
  EXPECT_EQ(judge(2, 2, 0.25), "goes on");  // Two of three.
  EXPECT_THAT(judge(3, 2, 0.1), HasSubstr("3 of 3"));
}

TEST_F(PrunerTest, EachRungIsJudgedOnce) {
  EXPECT_EQ(judge(0, 2, 0.3), "goes on");
  EXPECT_EQ(judge(1, 2, 0.4), "goes on");
  EXPECT_EQ(judge(0, 3, 0.1), "goes on");  // Between rungs.
  EXPECT_EQ(judge(1, 6, 0.5), "goes on");  // The next validation after the rung counts.
  EXPECT_THAT(judge(0, 5, 0.4), HasSubstr("pruned"));
}

TEST_F(PrunerTest, NotANumberIsTheWorst) {
  EXPECT_EQ(judge(0, 2, 0.0), "goes on");
  EXPECT_THAT(judge(1, 2, std::nan("")), HasSubstr("pruned"));
}

TEST_F(PrunerTest, OtherMetricsAndOtherSeedsDoNotCount) {
  EXPECT_EQ(judge(0, 2, 0.9, "hit@10"), "goes on");
  EXPECT_EQ(judge(1, 2, 0.1), "goes on");
  const std::vector<SweepRun> seeds = seeds_of_a_run(2);
  Pruner pruner(PruneConfig{.rungs = {1}}, seeds);
  for (const SweepRun& run : seeds) {
    EXPECT_FALSE(
        pruner.judge(run.run_id, {1, "validation", "ndcg@10", 1.0 / double(run.config.seed)}));
  }
}

TEST_F(PrunerTest, ARunThatOthersNeedIsKept) {
  std::vector<SweepRun> runs = rivals(3);
  let_need(runs[2], runs[1]);
  Pruner pruner(PruneConfig{.rungs = {1}}, runs);
  EXPECT_FALSE(pruner.judge(runs[0].run_id, {1, "validation", "ndcg@10", 0.9}));
  EXPECT_FALSE(pruner.judge(runs[1].run_id, {1, "validation", "ndcg@10", 0.1}));
  EXPECT_TRUE(pruner.judge(runs[2].run_id, {1, "validation", "ndcg@10", 0.1}));
}

TEST_F(PrunerTest, WithoutAConfigEverythingGoesOn) {
  Pruner pruner(std::nullopt, runs_);
  for (const SweepRun& run : runs_) {
    EXPECT_FALSE(pruner.judge(run.run_id, {2, "validation", "ndcg@10", 0}));
  }
}

}  // namespace
}  // namespace seqsweep
