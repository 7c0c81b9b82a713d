#include "coordinator/simulator.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

SimulatedRun simulated(const std::string& id, int64_t ranks, double seconds) {
  return {
      .run = {.run_id = id, .label = id, .ranks = ranks, .estimate_s = seconds, .path_s = seconds},
      .seconds = seconds,
      .needs = {}};
}

std::vector<SimulatedRun> mixed(int64_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<SimulatedRun> runs;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t ranks = int64_t{1} << rng.below(4);
    runs.push_back(simulated(std::to_string(i), ranks, 60 + double(rng.below(1200))));
    runs.back().run.turn = i % 5;
    runs.back().run.position = i;
  }
  return runs;
}

TEST(Simulator, OneWorkerDoesOneAfterTheOther) {
  const SimulatedSchedule got =
      simulate({simulated("a", 1, 10), simulated("b", 1, 20)}, {.ranks = 1});
  EXPECT_DOUBLE_EQ(got.makespan_s, 30);
  EXPECT_DOUBLE_EQ(got.bound_s, 30);
  EXPECT_DOUBLE_EQ(got.utilisation, 1);
  EXPECT_THAT(got.order, ElementsAre("b", "a"));
  EXPECT_EQ(got.attempts, 2);
}

TEST(Simulator, WhatARunNeedsComesFirst) {
  std::vector<SimulatedRun> runs = {simulated("retriever", 1, 10), simulated("ranker", 1, 20)};
  runs[1].needs = {"retriever"};
  const SimulatedSchedule got = simulate(runs, {.ranks = 4});
  EXPECT_DOUBLE_EQ(got.makespan_s, 30);
  EXPECT_DOUBLE_EQ(got.bound_s, 30);  // The chain.
  EXPECT_THAT(got.order, ElementsAre("retriever", "ranker"));
}

TEST(Simulator, MixedRunsComeNearTheBound) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const SimulatedSchedule got = simulate(mixed(600, seed), {.ranks = 64});
    EXPECT_GE(got.makespan_s, got.bound_s - 1e-3);
    EXPECT_LE(got.makespan_s, 1.05 * got.bound_s) << "seed " << seed;
    EXPECT_EQ(got.attempts, 600);
  }
}

TEST(Simulator, FailuresCostAttemptsAndNoRun) {
  SimulatedCluster cluster{.ranks = 64, .failures_per_hour = 0.5, .seed = 3};
  const SimulatedSchedule got = simulate(mixed(600, 1), cluster);
  EXPECT_GT(got.failures, 20);
  EXPECT_EQ(got.attempts, 600 + got.failures);
  EXPECT_LE(got.makespan_s, 1.08 * got.bound_s);
  EXPECT_EQ(simulate(mixed(600, 1), cluster).order, got.order);  // The same seed, the same play.
}

TEST(Simulator, TheCurveIsWhatTheUtilisationSumsUp) {
  const SimulatedSchedule got = simulate(mixed(50, 2), {.ranks = 16});
  double busy_s = 0;
  for (size_t i = 0; i + 1 < got.curve.size(); ++i) {
    busy_s += double(got.curve[i].busy) * (got.curve[i + 1].at_s - got.curve[i].at_s);
  }
  EXPECT_NEAR(busy_s / (16 * got.makespan_s), got.utilisation, 1e-3);
  EXPECT_EQ(got.curve.back().busy, 0);
}

TEST(Simulator, ARunThatNeedsMoreRanksIsRefused) {
  EXPECT_THROW(simulate({simulated("wide", 5, 1)}, {.ranks = 4}), Error);
}

// Sixteen small runs and a large one, on two GPUs.
TEST(Simulator, SmallRunsThatShareAGpuAreDoneSooner) {
  std::vector<SimulatedRun> runs;
  for (int i = 0; i < 16; ++i) {
    runs.push_back(simulated("small" + std::to_string(i), 1, 60));
    runs.back().run.bytes = 20;
  }
  runs.push_back(simulated("large", 1, 60));
  runs.back().run.bytes = 70;
  SimulatedCluster cluster{.ranks = 8, .gpus_per_host = 2, .gpu_bytes = 80};
  const SimulatedSchedule alone = simulate(runs, cluster);
  EXPECT_EQ(alone.capacity, 2);
  EXPECT_DOUBLE_EQ(alone.makespan_s, 9 * 60);
  cluster.ranks_per_gpu = 4;
  const SimulatedSchedule shared = simulate(runs, cluster);
  EXPECT_EQ(shared.capacity, 8);
  EXPECT_DOUBLE_EQ(shared.makespan_s, 3 * 60);  // Four at once beside the large one, then eight.
  runs.back().run.bytes = 81;
  runs.back().run.bytes_are_known = true;
  EXPECT_THROW(simulate(runs, cluster), Error);
}

}  // namespace
}  // namespace seqsweep
