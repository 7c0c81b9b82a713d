#include "coordinator/scheduler.h"

#include <gmock/gmock.h>

#include <map>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

WaitingRun run(const std::string& id, int64_t ranks, std::optional<double> estimate_s = {}) {
  return {.run_id = id, .label = "run " + id, .ranks = ranks, .estimate_s = estimate_s};
}

WorkerSlot free_worker(int64_t rank, const std::string& host = "a") {
  return {.rank = rank, .host = host, .state = WorkerSlot::State::Free};
}

WorkerSlot busy_worker(int64_t rank, std::optional<int64_t> free_at_ms = {},
                       const std::string& host = "a") {
  return {.rank = rank, .host = host, .state = WorkerSlot::State::Busy, .free_at_ms = free_at_ms};
}

std::map<std::string, Decision> decisions(const std::vector<WaitingRun>& queue,
                                          const std::vector<WorkerSlot>& workers,
                                          int64_t now_ms = 0) {
  std::map<std::string, Decision> by_run;
  for (Decision& decision : schedule(queue, workers, now_ms)) by_run[decision.run_id] = decision;
  return by_run;
}

TEST(Scheduler, FillsFreeWorkersInQueueOrder) {
  auto got = decisions({run("x", 1), run("y", 1), run("z", 1)}, {free_worker(1), free_worker(2)});
  EXPECT_THAT(got["x"].members, ElementsAre(1));
  EXPECT_THAT(got["y"].members, ElementsAre(2));
  EXPECT_EQ(got["z"].placement, Placement::Wait);
  EXPECT_EQ(got["z"].reason, "needs 1 worker, none is free");
}

TEST(Scheduler, PriorityThenLongestFirstThenQueueOrder) {
  std::vector<WaitingRun> queue = {run("short", 1, 10), run("long", 1, 99), run("unknown", 1),
                                   run("urgent", 1, 1), run("short2", 1, 10)};
  queue[3].priority = 1;
  std::vector<std::string> order;
  for (const Decision& decision : schedule(queue, {}, 0)) order.push_back(decision.run_id);
  EXPECT_THAT(order, ElementsAre("urgent", "unknown", "long", "short", "short2"));
}

TEST(Scheduler, AGroupStaysOnTheTightestHost) {
  auto got =
      decisions({run("x", 2)}, {free_worker(1, "a"), free_worker(2, "b"), free_worker(3, "b"),
                                free_worker(4, "b"), free_worker(5, "c"), free_worker(6, "c")});
  EXPECT_THAT(got["x"].members, ElementsAre(5, 6));
}

TEST(Scheduler, AGroupSpansHostsWhenItMust) {
  auto got =
      decisions({run("x", 3)}, {free_worker(1, "a"), free_worker(2, "b"), free_worker(3, "b")});
  EXPECT_THAT(got["x"].members, ElementsAre(1, 2, 3));
}

TEST(Scheduler, MoreRanksThanWorkersIsImpossibleAtOnce) {
  auto got = decisions({run("x", 3), run("y", 1)}, {busy_worker(1), free_worker(2)});
  EXPECT_EQ(got["x"].placement, Placement::Impossible);
  EXPECT_THAT(got["x"].reason, HasSubstr("needs 3 ranks, there are 2 workers"));
  EXPECT_EQ(got["y"].placement, Placement::Placed);  // It reserves nothing.
}

TEST(Scheduler, AStartingWorkerIsWaitedFor) {
  auto got = decisions({run("x", 2)}, {free_worker(1), WorkerSlot{.rank = 2}});
  EXPECT_EQ(got["x"].placement, Placement::Wait);
  EXPECT_EQ(got["x"].reason, "needs 2 workers, one is free");
}

TEST(Scheduler, BackingOffHoldsNobodyUp) {
  std::vector<WaitingRun> queue = {run("x", 1), run("y", 1)};
  queue[0].not_before_ms = 31'000;
  auto got = decisions(queue, {free_worker(1)}, 1'000);
  EXPECT_EQ(got["x"].reason, "tried again in 30 s");
  EXPECT_EQ(got["y"].placement, Placement::Placed);
  EXPECT_EQ(decisions(queue, {free_worker(1)}, 31'000)["x"].placement, Placement::Placed);
}

TEST(Scheduler, AWaitingLargeRunKeepsFreeWorkers) {
  auto got = decisions({run("big", 2), run("small", 1)}, {free_worker(1), busy_worker(2)});
  EXPECT_EQ(got["big"].reason, "needs 2 workers, one is free");
  EXPECT_EQ(got["small"].placement, Placement::Wait);
  EXPECT_EQ(got["small"].reason, "the free workers are reserved for run big");
}

TEST(Scheduler, AShortRunMayEndBeforeTheReservation) {
  const std::vector<WorkerSlot> workers = {free_worker(1), busy_worker(2, 60'000)};
  WaitingRun big = run("big", 2);
  EXPECT_EQ(decisions({big, run("short", 1, 50)}, workers)["short"].placement, Placement::Placed);
  EXPECT_EQ(decisions({big, run("long", 1, 70)}, workers)["long"].placement, Placement::Wait);
  EXPECT_EQ(decisions({big, run("unknown", 1)}, workers)["unknown"].placement, Placement::Wait);
}

TEST(Scheduler, WorkersThatTheReservationDoesNotNeedAreUsed) {
  // At 10 s three workers are free and the large run takes two of them.
  auto got = decisions({run("big", 2), run("x", 1), run("y", 1)},
                       {free_worker(1), busy_worker(2, 10'000), busy_worker(3, 10'000)});
  EXPECT_EQ(got["x"].placement, Placement::Placed);
  EXPECT_EQ(got["y"].placement, Placement::Wait);
}

TEST(Scheduler, ALargeRunStartsHoweverManySmallOnesArrive) {
  std::vector<int64_t> ends(4, 0);  // Of each worker's run.
  Rng rng(1);
  for (int64_t now_ms = 0; now_ms < 100'000; now_ms += 1000) {
    std::vector<WaitingRun> queue;
    for (int i = 0; i < 4; ++i) queue.push_back(run("small", 1, 1.0 + double(rng.below(8))));
    if (now_ms >= 10'000) {
      queue.push_back(run("big", 4));
      queue.back().priority = 1;
    }
    std::vector<WorkerSlot> workers;
    for (int64_t rank = 0; rank < 4; ++rank) {
      const int64_t end_ms = ends[static_cast<size_t>(rank)];
      workers.push_back(end_ms > now_ms ? busy_worker(rank, end_ms) : free_worker(rank));
    }
    for (const Decision& decision : schedule(queue, workers, now_ms)) {
      if (decision.placement != Placement::Placed) continue;
      if (decision.run_id == "big") {
        EXPECT_LE(now_ms, 18'000);  // When the longest small run that ran at 10 s ended.
        return;
      }
      // Runs take as long as the longest of the estimates: later than most said.
      ends[static_cast<size_t>(decision.members.at(0))] = now_ms + 8000;
    }
  }
  FAIL() << "the large run never started";
}

TEST(Scheduler, NoWorkerIsGivenTwice) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    std::vector<WorkerSlot> workers;
    for (int64_t rank = 1; rank <= 8; ++rank) {
      const std::string host(1, static_cast<char>('a' + rng.below(3)));
      workers.push_back(rng.below(2) ? free_worker(rank, host)
                                     : busy_worker(rank, int64_t(rng.below(9)) * 1000, host));
    }
    std::vector<WaitingRun> queue;
    for (int i = 0; i < 12; ++i) {
      queue.push_back(run(std::to_string(i), 1 + int64_t(rng.below(9))));
      if (rng.below(2)) queue.back().estimate_s = double(rng.below(9));
    }
    std::map<int64_t, int> given;
    for (const Decision& decision : schedule(queue, workers, 0)) {
      EXPECT_EQ(decision.placement == Placement::Placed, decision.reason.empty());
      const auto asked = std::find_if(queue.begin(), queue.end(), [&](const WaitingRun& queued) {
        return queued.run_id == decision.run_id;
      });
      EXPECT_EQ(int64_t(decision.members.size()),
                decision.placement == Placement::Placed ? asked->ranks : 0);
      for (const int64_t rank : decision.members) {
        EXPECT_EQ(++given[rank], 1) << "seed " << seed;
        EXPECT_EQ(workers[size_t(rank - 1)].state, WorkerSlot::State::Free) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace seqsweep
