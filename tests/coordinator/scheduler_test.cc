#include "coordinator/scheduler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

WaitingRun run(const std::string& id, int64_t ranks, double estimate_s = 100) {
  static int64_t position = 0;
  return {.run_id = id,
          .label = "run " + id,
          .ranks = ranks,
          .estimate_s = estimate_s,
          .path_s = estimate_s,
          .position = ++position};
}

// A scheduler with ready workers and with some of them busy.
class SchedulerTest : public ::testing::Test {
 protected:
  // A host a worker, as in {"a", "b", "b"}: world rank 1 is on host a.
  void workers(const std::vector<std::string>& hosts) {
    scheduler_ = Scheduler(static_cast<int64_t>(hosts.size()));
    for (size_t i = 0; i < hosts.size(); ++i) {
      scheduler_.greet(static_cast<int64_t>(i + 1), {.host = hosts[i]});
    }
  }
  // Free ones on one host.
  void workers(int64_t count) {
    workers(std::vector<std::string>(static_cast<size_t>(count), "a"));
  }

  // The next free workers are busy for so long.
  void keep_busy(int64_t ranks, double seconds) {
    scheduler_.add(run("busy", ranks, seconds));
    ASSERT_EQ(scheduler_.start(0).size(), 1U);
  }
  void wait(std::vector<WaitingRun> runs) {
    for (WaitingRun& one : runs) scheduler_.add(std::move(one));
  }
  std::map<std::string, std::vector<int64_t>> start(int64_t now_ms = 0) {
    std::map<std::string, std::vector<int64_t>> started;
    for (Scheduler::Start& one : scheduler_.start(now_ms)) {
      order_.push_back(one.run_id);
      started[one.run_id] = std::move(one.members);
    }
    return started;
  }
  // One worker takes run after run.
  std::vector<std::string> in_order() {
    std::vector<std::string> order;
    for (;;) {
      const auto starts = scheduler_.start(0);
      if (starts.empty()) return order;
      order.push_back(starts.at(0).run_id);
      scheduler_.release(starts[0].members);
    }
  }

  Scheduler scheduler_{0};
  std::vector<std::string> order_;
};

TEST_F(SchedulerTest, FillsFreeWorkersInQueueOrder) {
  workers(2);
  wait({run("x", 1), run("y", 1), run("z", 1)});
  const auto started = start();
  EXPECT_THAT(started.at("x"), ElementsAre(1));
  EXPECT_THAT(started.at("y"), ElementsAre(2));
  EXPECT_FALSE(started.contains("z"));
  EXPECT_EQ(scheduler_.reason("z", 0), "needs 1 worker, none is free");
}

TEST_F(SchedulerTest, PriorityThenTheLongestFirstWhenTheEndIsNear) {
  workers(1);
  wait({run("short", 1, 60), run("long", 1, 99), run("urgent", 1, 1), run("short2", 1, 60)});
  WaitingRun urgent = run("urgent", 1, 1);
  urgent.priority = 1;
  scheduler_.add(urgent);
  EXPECT_THAT(in_order(), ElementsAre("urgent", "long", "short", "short2"));
}

// Ten runs of a table that has two columns and five seeds.
TEST_F(SchedulerTest, SeedsTakeTurnsWhileMuchIsLeft) {
  workers(1);
  for (int64_t seed = 0; seed < 5; ++seed) {
    for (const char* column : {"slow", "quick"}) {
      WaitingRun one = run(column + std::to_string(seed), 1, column[0] == 's' ? 20 : 10);
      one.turn = seed;
      scheduler_.add(one);
    }
  }
  // Two thirds of the work later each worker has less than two of the longest left.
  EXPECT_THAT(in_order(), ElementsAre("slow0", "quick0", "slow1", "quick1", "slow2", "quick2",
                                      "slow3", "quick3", "slow4", "quick4"));
}

TEST_F(SchedulerTest, ALongRunOfALateSeedDoesNotEndLast) {
  workers(2);
  for (int64_t seed = 0; seed < 4; ++seed) {
    for (int i = 0; i < 4; ++i) {
      WaitingRun one = run("quick", 1, 10);
      one.run_id = fmt::format("quick{}.{}", seed, i);
      one.turn = seed;
      scheduler_.add(one);
    }
  }
  WaitingRun late = run("late", 1, 80);  // As long as all others on the other worker.
  late.turn = 3;
  scheduler_.add(late);
  EXPECT_TRUE(start().contains("late"));
}

TEST_F(SchedulerTest, ARunThatOthersNeedComesBeforeAsLongOnes) {
  workers(1);
  WaitingRun needed = run("needed", 1, 10);
  needed.path_s = 30;
  wait({run("other", 1, 20), needed});
  EXPECT_THAT(in_order(), ElementsAre("needed", "other"));
}

TEST_F(SchedulerTest, AWorkerThatHoldsADataSetGetsItAgain) {
  workers(2);
  const auto on = [&](const std::string& id, const std::string& dataset) {
    WaitingRun one = run(id, 1, 1);
    one.dataset = dataset;
    return one;
  };
  wait({on("films1", "films"), on("books1", "books")});
  auto started = start();
  EXPECT_THAT(started.at("films1"), ElementsAre(1));
  for (const int64_t rank : {1, 2}) scheduler_.release(std::vector<int64_t>{rank});
  wait({on("books2", "books"), on("films2", "films")});
  started = start();
  EXPECT_THAT(started.at("books2"), ElementsAre(2));
  EXPECT_THAT(started.at("films2"), ElementsAre(1));
  // One worker is free: of the runs of a turn it gets the one whose data it holds.
  for (int i = 0; i < 20; ++i) scheduler_.add(on("films more" + std::to_string(i), "films"));
  scheduler_.add(on("books3", "books"));
  scheduler_.release(std::vector<int64_t>{2});
  EXPECT_TRUE(start().contains("books3"));
}

TEST_F(SchedulerTest, MoreRanksThanWorkersIsImpossibleAtOnce) {
  workers(2);
  keep_busy(1, 100);
  wait({run("x", 3), run("y", 1)});
  EXPECT_TRUE(start().contains("y"));  // It reserves nothing.
  EXPECT_THAT(scheduler_.impossible(), ElementsAre("x"));
  EXPECT_THAT(scheduler_.reason("x", 0), HasSubstr("needs 3 ranks, there are 2 workers"));
}

TEST_F(SchedulerTest, LostWorkersMakeARunImpossibleUntilTheyComeBack) {
  workers(2);
  keep_busy(1, 100);
  wait({run("x", 2)});
  scheduler_.lose(std::vector<int64_t>{1});
  EXPECT_EQ(scheduler_.workers(), 1);
  EXPECT_THAT(start(), IsEmpty());
  EXPECT_THAT(scheduler_.impossible(), ElementsAre("x"));
  scheduler_.release(std::vector<int64_t>{1});
  EXPECT_THAT(scheduler_.impossible(), IsEmpty());
  EXPECT_THAT(start().at("x"), ElementsAre(1, 2));
}

TEST_F(SchedulerTest, AStartingWorkerIsWaitedFor) {
  scheduler_ = Scheduler(2);
  scheduler_.greet(1, {.host = "a"});
  wait({run("x", 2)});
  EXPECT_THAT(start(), IsEmpty());
  EXPECT_EQ(scheduler_.reason("x", 0), "needs 2 workers, one is free");
  scheduler_.greet(2, {.host = "a"});
  EXPECT_TRUE(start().contains("x"));
}

TEST_F(SchedulerTest, BackingOffHoldsNobodyUp) {
  workers(1);
  WaitingRun later = run("x", 1);
  later.not_before_ms = 31'000;
  wait({later, run("y", 1)});
  EXPECT_EQ(scheduler_.reason("x", 1'000), "tried again in 30 s");
  EXPECT_TRUE(start(1'000).contains("y"));
  scheduler_.release(std::vector<int64_t>{1});
  EXPECT_THAT(start(30'999), IsEmpty());
  EXPECT_TRUE(start(31'000).contains("x"));
}

TEST_F(SchedulerTest, AWaitingLargeRunKeepsFreeWorkers) {
  workers(2);
  keep_busy(1, 50);
  wait({run("big", 2, 300), run("small", 1, 100)});
  EXPECT_THAT(start(), IsEmpty());
  EXPECT_EQ(scheduler_.reason("big", 0), "needs 2 workers, one is free");
  EXPECT_EQ(scheduler_.reason("small", 0), "the free workers are reserved for run big");
}

TEST_F(SchedulerTest, AShortRunMayEndBeforeTheReservation) {
  workers(2);
  keep_busy(1, 60);
  wait({run("big", 2, 300), run("long", 1, 70), run("short", 1, 50)});
  EXPECT_THAT(start(), testing::SizeIs(1));
  EXPECT_THAT(order_, ElementsAre("short"));
}

TEST_F(SchedulerTest, NewsOfARunMoveTheReservation) {
  workers(2);
  keep_busy(1, 60);
  scheduler_.expect_end(1, 90'000);
  wait({run("big", 2, 300), run("long", 1, 70)});
  EXPECT_TRUE(start().contains("long"));
}

TEST_F(SchedulerTest, WorkersThatTheReservationDoesNotNeedAreUsed) {
  // At 10 s three workers are free and the large run takes two of them.
  workers(3);
  scheduler_.add(run("busy", 1, 10));
  scheduler_.add(run("busy too", 1, 10));
  start();
  wait({run("big", 2, 300), run("x", 1, 100), run("y", 1, 100)});
  EXPECT_THAT(start(), testing::SizeIs(1));
  EXPECT_EQ(order_.back(), "x");
}

TEST_F(SchedulerTest, ALargeRunStartsHoweverManySmallOnesArrive) {
  workers(4);
  std::multimap<int64_t, std::vector<int64_t>> ends;
  Rng rng(1);
  int small = 0;
  for (int64_t now_ms = 0; now_ms < 100'000; now_ms += 1000) {
    for (int i = 0; i < 4; ++i) {
      scheduler_.add(run("small" + std::to_string(++small), 1, 1.0 + double(rng.below(8))));
    }
    if (now_ms == 10'000) {
      WaitingRun big = run("big", 4);
      big.priority = 1;
      scheduler_.add(big);
    }
    for (; !ends.empty() && ends.begin()->first <= now_ms; ends.erase(ends.begin())) {
      scheduler_.release(ends.begin()->second);
    }
    for (const auto& [run_id, members] : start(now_ms)) {
      if (run_id == "big") {
        EXPECT_LE(now_ms, 18'000);  // When the longest small run that ran at 10 s ended.
        return;
      }
      // Runs take as long as the longest of the estimates: later than most said.
      ends.emplace(now_ms + 8000, members);
    }
  }
  FAIL() << "the large run never started";
}

TEST_F(SchedulerTest, NoWorkerIsGivenTwice) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    std::vector<std::string> hosts;
    for (int i = 0; i < 8; ++i)
      hosts.push_back(std::string(1, static_cast<char>('a' + rng.below(3))));
    workers(hosts);
    std::map<std::string, int64_t> ranks;
    std::map<int64_t, std::vector<int64_t>> held;  // By leader.
    for (int64_t event = 0; event < 40; ++event) {
      const std::string id = std::to_string(event);
      ranks[id] = 1 + int64_t(rng.below(9));
      scheduler_.add(run(id, ranks[id], double(rng.below(9))));
      for (auto& [run_id, members] : start(event * 500)) {
        EXPECT_EQ(int64_t(members.size()), ranks[run_id]) << "seed " << seed;
        EXPECT_TRUE(std::is_sorted(members.begin(), members.end()));
        for (const auto& [leader, others] : held) {
          for (const int64_t rank : members) {
            EXPECT_EQ(std::count(others.begin(), others.end(), rank), 0) << "seed " << seed;
          }
        }
        held[members.front()] = members;
      }
      if (!held.empty() && rng.below(2)) {
        scheduler_.release(held.begin()->second);
        held.erase(held.begin());
      }
    }
  }
}

TEST_F(SchedulerTest, TheSameEventsGiveTheSameDecisions) {
  const auto play = [&] {
    order_.clear();
    Rng rng(7);
    workers({"a", "b", "b", "c", "c", "c"});
    std::vector<std::vector<int64_t>> held;
    for (int64_t event = 0; event < 100; ++event) {
      scheduler_.add(run(std::to_string(event), 1 + int64_t(rng.below(4)), double(rng.below(20))));
      for (auto& [run_id, members] : start(event * 1000)) held.push_back(members);
      if (held.size() > rng.below(4)) {
        scheduler_.release(held.front());
        held.erase(held.begin());
      }
    }
    return order_;
  };
  EXPECT_EQ(play(), play());
}

// ---- replacements ----

TEST_F(SchedulerTest, AReplacementIsInNoGroup) {
  workers(3);
  scheduler_.bury(1);
  scheduler_.replace(1);
  scheduler_.greet(1, {.host = "a"});
  EXPECT_EQ(scheduler_.workers(), 3);
  EXPECT_EQ(scheduler_.ranks_max(), 2);
  wait({run("wide", 3), run("pair", 2), run("single", 1)});
  EXPECT_THAT(scheduler_.impossible(), ElementsAre("wide"));
  EXPECT_THAT(scheduler_.reason("wide", 0), HasSubstr("needs 3 ranks, there are 2 workers"));
  const auto started = start();
  EXPECT_THAT(started.at("pair"), ElementsAre(2, 3));
  EXPECT_THAT(started.at("single"), ElementsAre(1));
}

// It is of no use to a run on two ranks, so it need not wait with the others.
TEST_F(SchedulerTest, AReplacementIsNotReserved) {
  workers(3);
  scheduler_.bury(3);
  scheduler_.replace(3);
  keep_busy(1, 10);
  scheduler_.greet(3, {.host = "a"});
  wait({run("pair", 2, 1000), run("long", 1, 900), run("longer", 1, 950)});
  const auto started = start();
  ASSERT_EQ(started.size(), 1U);  // Worker 2 waits for worker 1.
  EXPECT_THAT(started.at("longer"), ElementsAre(3));
}

TEST_F(SchedulerTest, WithReplacementsAloneRunsOnOneRankGoOn) {
  workers(1);
  scheduler_.bury(1);
  scheduler_.replace(1);
  scheduler_.greet(1, {.host = "a"});
  wait({run("pair", 2), run("single", 1)});
  EXPECT_THAT(scheduler_.impossible(), ElementsAre("pair"));
  EXPECT_THAT(start().at("single"), ElementsAre(1));
}

// Of the GPU that worker 1 has until then.
TEST_F(SchedulerTest, AReplacementLeavesTheMemoryThatIsReserved) {
  scheduler_ = Scheduler(3, /*ranks_per_gpu=*/2);
  scheduler_.greet(1, {.host = "a", .gpu = "0", .bytes = 80});
  scheduler_.greet(3, {.host = "a", .gpu = "1", .bytes = 80});
  keep_busy(1, 10);
  scheduler_.bury(2);
  scheduler_.replace(2);
  scheduler_.greet(2, {.host = "a", .gpu = "0", .bytes = 80});
  wait({run("pair", 2, 1000), run("large", 1, 900), run("small", 1, 900)});
  for (const auto& [id, bytes] : {std::pair("pair", 60), std::pair("large", 30)}) {
    WaitingRun one = *scheduler_.waiting().find(id);
    one.bytes = bytes;
    scheduler_.add(one);
  }
  const auto started = start();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_THAT(started.at("small"), ElementsAre(2));
}

}  // namespace
}  // namespace seqsweep
