// Runs that share GPUs: how the scheduler places them by ranks_per_gpu and by memory.
#include <gmock/gmock.h>

#include <map>
#include <queue>

#include "coordinator/scheduler.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kGb = 1'000'000'000;

WaitingRun sized(const std::string& id, int64_t bytes, double estimate_s = 100, int64_t ranks = 1) {
  static int64_t position = 0;
  return {.run_id = id,
          .label = "run " + id,
          .ranks = ranks,
          .estimate_s = estimate_s,
          .path_s = estimate_s,
          .position = ++position,
          .bytes = bytes,
          .bytes_are_known = bytes != kWholeDevice};
}

// A host with GPUs of 80 GB, whose workers take them in turn.
class PackingTest : public ::testing::Test {
 protected:
  void begin(int64_t workers, int64_t gpus, int64_t ranks_per_gpu) {
    scheduler_ = Scheduler(workers, ranks_per_gpu);
    gpus_ = gpus;
    for (int64_t rank = 1; rank <= workers; ++rank) {
      scheduler_.greet(rank, {.host = "a", .gpu = std::to_string(gpu_of(rank)), .bytes = 80 * kGb});
    }
  }
  int64_t gpu_of(int64_t rank) const { return (rank - 1) % gpus_; }
  void wait(std::vector<WaitingRun> runs) {
    for (WaitingRun& one : runs) scheduler_.add(std::move(one));
  }
  // The GPUs that each run starts on.
  std::map<std::string, std::vector<int64_t>> start(int64_t now_ms = 0) {
    std::map<std::string, std::vector<int64_t>> started;
    for (const Scheduler::Start& one : scheduler_.start(now_ms)) {
      for (const int64_t rank : one.members) started[one.run_id].push_back(gpu_of(rank));
      members_[one.run_id] = one.members;
    }
    return started;
  }
  void end(const std::string& run_id) { scheduler_.release(members_.at(run_id)); }

  Scheduler scheduler_{0};
  int64_t gpus_ = 1;
  std::map<std::string, std::vector<int64_t>> members_;
};

TEST_F(PackingTest, OneRunAGpuUnlessMoreAreAskedFor) {
  begin(8, 1, 1);
  EXPECT_EQ(scheduler_.capacity(), 1);
  wait({sized("x", 0), sized("y", 0)});
  EXPECT_THAT(start(), testing::SizeIs(1));
  EXPECT_EQ(scheduler_.reason("y", 0),
            "needs 1 worker, none is free on a GPU that ranks_per_gpu lets more train on");
  begin(8, 1, 2);
  wait({sized("x", 0), sized("y", 0), sized("z", 0)});
  EXPECT_THAT(start(), testing::SizeIs(2));
}

TEST_F(PackingTest, RunsShareAGpuWhileTheirMemorySuffices) {
  begin(4, 1, 4);
  wait({sized("a", 40 * kGb, 30), sized("b", 36 * kGb, 20), sized("c", 9 * kGb, 10)});
  EXPECT_THAT(start(), testing::SizeIs(2));
  EXPECT_EQ(scheduler_.reason("c", 0), "needs 9.0 GB, no GPU has more than 4.0 GB to spare");
  end("b");
  EXPECT_TRUE(start().contains("c"));
}

TEST_F(PackingTest, GpusAreFilledEvenly) {
  begin(8, 2, 4);
  wait({sized("a", kGb), sized("b", kGb), sized("c", kGb), sized("d", kGb)});
  std::vector<int64_t> gpus;
  for (const auto& [run_id, on] : start()) gpus.push_back(on.at(0));
  EXPECT_THAT(gpus, UnorderedElementsAre(0, 0, 1, 1));
}

TEST_F(PackingTest, NobodyIsBesideARunOfUnknownMemory) {
  begin(4, 1, 4);
  wait({sized("unknown", kWholeDevice, 30), sized("small", kGb, 20)});
  EXPECT_THAT(start(), testing::SizeIs(1));
  EXPECT_EQ(scheduler_.reason("small", 0), "needs 1.0 GB, no GPU has more than 0 B to spare");
  end("unknown");
  wait({sized("next", kWholeDevice, 10)});
  EXPECT_TRUE(start().contains("small"));
  EXPECT_EQ(scheduler_.reason("next", 0),
            "needs a GPU to itself, as it is not known to fit beside others");
  end("small");
  EXPECT_TRUE(start().contains("next"));
}

TEST_F(PackingTest, RanksOfARunAreOnDifferentGpus) {
  begin(8, 4, 2);
  wait({sized("a", kGb, 100, 4), sized("b", kGb, 90, 2)});
  const auto started = start();
  EXPECT_THAT(started.at("a"), UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_THAT(started.at("b"), ElementsAre(0, 1));
}

TEST_F(PackingTest, WhatNeedsMoreThanThereIsCanNeverStart) {
  begin(4, 2, 2);
  wait({sized("huge", 81 * kGb), sized("wide", 50 * kGb, 100, 3), sized("ranks", kGb, 100, 5),
        sized("fits", 80 * kGb)});
  EXPECT_THAT(scheduler_.impossible(), ElementsAre("huge", "ranks", "wide"));
  EXPECT_THAT(scheduler_.reason("huge", 0), HasSubstr("needs 81.0 GB, no GPU has more than 80.0"));
  EXPECT_THAT(scheduler_.reason("wide", 0), HasSubstr("needs 50.0 GB for each of 3 ranks"));
  EXPECT_THAT(scheduler_.reason("ranks", 0), HasSubstr("needs 5 ranks, there are 4 workers"));
}

TEST_F(PackingTest, ARunOfMoreRanksThanPlacesHasItsGpusToItself) {
  begin(6, 2, 1);
  wait({sized("small", kGb, 200), sized("wide", kGb, 100, 3)});
  EXPECT_THAT(scheduler_.impossible(), IsEmpty());
  EXPECT_TRUE(start().contains("small"));
  EXPECT_THAT(start(), testing::SizeIs(0));
  EXPECT_TRUE(members_.contains("wide"));
  EXPECT_EQ(members_.at("wide").size(), 3U);
  end("wide");
  end("small");
  wait({sized("wider", kGb, 100, 4)});
  EXPECT_THAT(scheduler_.impossible(), IsEmpty());
  EXPECT_THAT(start().at("wider"), UnorderedElementsAre(0, 0, 1, 1));
}

TEST_F(PackingTest, AGuessIsNeverTooMuch) {
  begin(2, 1, 2);
  WaitingRun guessed = sized("guessed", 90 * kGb);
  guessed.bytes_are_known = false;
  wait({guessed, sized("small", kGb, 10)});
  EXPECT_THAT(scheduler_.impossible(), IsEmpty());
  EXPECT_THAT(start(), testing::SizeIs(1));  // By itself.
  EXPECT_TRUE(members_.contains("guessed"));
}

TEST_F(PackingTest, ALargerGpuMayStillSayHello) {
  scheduler_ = Scheduler(2, 1);
  scheduler_.greet(1, {.host = "a", .gpu = "0", .bytes = 40 * kGb});
  wait({sized("big", 60 * kGb)});
  EXPECT_THAT(scheduler_.impossible(), IsEmpty());
  EXPECT_THAT(start(), IsEmpty());
  scheduler_.greet(2, {.host = "b", .gpu = "0", .bytes = 80 * kGb});
  EXPECT_TRUE(start().contains("big"));
}

// GPU 0 is free of its run at 10 s, GPU 1 not before 100 s.
TEST_F(PackingTest, TheReservationKeepsOneGpuAndLeavesTheOther) {
  begin(6, 2, 3);
  wait({sized("early", 50 * kGb, 10), sized("late", 50 * kGb, 100)});
  const auto busy = start();
  ASSERT_NE(busy.at("early"), busy.at("late"));
  wait({sized("big", 70 * kGb, 300), sized("long", 20 * kGb, 200), sized("long2", 20 * kGb, 200),
        sized("short", 20 * kGb, 9), sized("beside", 10 * kGb, 150)});
  const auto started = start();
  EXPECT_EQ(scheduler_.reason("big", 0), "needs 70.0 GB, no GPU has more than 10.0 GB to spare");
  EXPECT_EQ(started.at("long"), busy.at("late"));
  EXPECT_EQ(started.at("short"), busy.at("early"));
  EXPECT_FALSE(started.contains("long2"));  // It would still be there when the large run comes.
  end("early");
  EXPECT_FALSE(start(10'000).contains("long2"));
  end("short");
  EXPECT_EQ(start(10'001).at("big"), busy.at("early"));
}

TEST_F(PackingTest, ALargeRunStartsHoweverManySmallOnesArrive) {
  begin(8, 2, 4);
  std::multimap<int64_t, std::string> ends;
  Rng rng(1);
  int small = 0;
  for (int64_t now_ms = 0; now_ms < 100'000; now_ms += 1000) {
    for (int i = 0; i < 4; ++i) {
      wait({sized("small" + std::to_string(++small), 15 * kGb, 1.0 + double(rng.below(8)))});
    }
    if (now_ms == 10'000) {
      WaitingRun big = sized("big", 75 * kGb);
      big.priority = 1;
      wait({big});
    }
    for (; !ends.empty() && ends.begin()->first <= now_ms; ends.erase(ends.begin())) {
      end(ends.begin()->second);
    }
    for (const auto& [run_id, gpus] : start(now_ms)) {
      if (run_id == "big") {
        EXPECT_LE(now_ms, 18'000);
        return;
      }
      ends.emplace(now_ms + 8000, run_id);  // Later than most said.
    }
  }
  FAIL() << "the large run never started";
}

// What holds at every moment of random sweeps on random clusters.
TEST_F(PackingTest, NoGpuIsOverfullAndEveryRunStarts) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const int64_t gpus = 1 + int64_t(rng.below(4)), ranks_per_gpu = 1 + int64_t(rng.below(4));
    begin(gpus * (1 + int64_t(rng.below(5))), gpus, ranks_per_gpu);
    std::map<std::string, WaitingRun> runs;
    for (int i = 0; i < 60; ++i) {
      const int64_t bytes = rng.below(6) == 0 ? kWholeDevice : int64_t(1 + rng.below(79)) * kGb;
      const std::string id = std::to_string(i);
      runs[id] =
          sized(id, bytes, 1 + double(rng.below(30)),
                1 + int64_t(rng.below(uint64_t(std::min<int64_t>(3, scheduler_.capacity())))));
      runs[id].dataset = std::to_string(rng.below(3));
      runs[id].bytes_are_known = false;  // Whatever does not fit together gets whole devices.
      scheduler_.add(runs[id]);
    }
    std::multimap<int64_t, std::string> ends;
    std::map<int64_t, std::map<std::string, int64_t>> on_gpu;  // Ranks of each run.
    size_t started = 0;
    int64_t now_ms = 0;
    for (;;) {
      ASSERT_THAT(scheduler_.impossible(), IsEmpty());
      for (const auto& [run_id, run] : scheduler_.waiting().all()) runs[run_id] = run;
      for (const auto& [run_id, on] : start(now_ms)) {
        ++started;
        for (const int64_t gpu : on) ++on_gpu[gpu][run_id];
        ends.emplace(now_ms + 1 + int64_t(rng.below(40'000)), run_id);
      }
      for (const auto& [gpu, here] : on_gpu) {
        int64_t ranks = 0, bytes = 0;
        for (const auto& [run_id, count] : here) {
          ranks += count;
          if (runs[run_id].bytes == kWholeDevice) {
            ASSERT_EQ(here.size(), 1U);
          } else {
            bytes += count * runs[run_id].bytes;
          }
        }
        ASSERT_LE(ranks, bytes > 0 ? ranks_per_gpu : 1000);
        ASSERT_LE(bytes, 80 * kGb);
      }
      if (ends.empty()) break;
      now_ms = ends.begin()->first;
      end(ends.begin()->second);
      for (auto& [gpu, here] : on_gpu) here.erase(ends.begin()->second);
      ends.erase(ends.begin());
    }
    ASSERT_EQ(started, runs.size());
  }
}

}  // namespace
}  // namespace seqsweep
