#include "coordinator/run_queue.h"

#include <gmock/gmock.h>

#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

// Two seeds on films, two ranks each; one seed on books that needs the first.
class RunQueueTest : public ::testing::Test {
 protected:
  static std::vector<SweepRun> three_runs() {
    std::vector<SweepRun> runs = seeds_of_a_run(3, 2);
    runs[0].priority = 3;
    runs[2].config.seed = 1;
    runs[2].config.dataset = {{"name", "books"}};
    let_need(runs[2], runs[0]);
    return runs;
  }
  WaitingRun waiting(size_t run) const { return queue_.waiting(runs_[run].run_id); }

  std::vector<SweepRun> runs_ = three_runs();
  RunQueue queue_{runs_, {.retries_max = 2, .delay_s = 3}};
};

TEST_F(RunQueueTest, KnowsWhatTheSchedulerAsks) {
  const WaitingRun first = waiting(0);
  EXPECT_EQ(first.label, runs_[0].label);
  EXPECT_EQ(first.ranks, 2);
  EXPECT_EQ(first.turn, 0);
  EXPECT_EQ(waiting(1).turn, 1);
  EXPECT_EQ(waiting(2).turn, 0);  // The seed's, wherever the run stands.
  EXPECT_EQ(waiting(2).position, 2);
  EXPECT_EQ(first.priority, 3);
  EXPECT_EQ(first.dataset, waiting(1).dataset);
  EXPECT_NE(first.dataset, waiting(2).dataset);
  EXPECT_EQ(queue_.label("of another sweep"), "of another sweep");
  EXPECT_FALSE(queue_.has("of another sweep"));
}

TEST_F(RunQueueTest, ARunsPathLeadsThroughThoseThatNeedIt) {
  EXPECT_TRUE(queue_.is_needed(runs_[0].run_id));
  EXPECT_FALSE(queue_.is_needed(runs_[1].run_id));
  EXPECT_DOUBLE_EQ(waiting(0).path_s, waiting(0).estimate_s + waiting(2).estimate_s);
  EXPECT_DOUBLE_EQ(waiting(1).path_s, waiting(1).estimate_s);
}

TEST_F(RunQueueTest, RetriesAreBoundedAndEachWaitsLonger) {
  const std::string& run_id = runs_[0].run_id;
  EXPECT_TRUE(queue_.may_retry(run_id));
  queue_.note_failure(run_id, 1000);
  EXPECT_EQ(waiting(0).not_before_ms, 4000);
  EXPECT_TRUE(queue_.may_retry(run_id));
  queue_.note_failure(run_id, 10'000);
  EXPECT_EQ(waiting(0).not_before_ms, 16'000);
  EXPECT_FALSE(queue_.may_retry(run_id));
  EXPECT_EQ(waiting(1).not_before_ms, 0);
}

TEST_F(RunQueueTest, OtherSeedsOfARunAreExpectedToTakeAsLong) {
  EXPECT_FALSE(queue_.knows_any());
  EXPECT_TRUE(queue_.learn(runs_[0].run_id, "cpu", 10));  // The first and second one,
  EXPECT_TRUE(queue_.learn(runs_[0].run_id, "cpu", 20));
  EXPECT_FALSE(queue_.learn(runs_[0].run_id, "cpu", 15));  // then ever fewer.
  EXPECT_TRUE(queue_.learn(runs_[0].run_id, "cpu", 15));
  EXPECT_EQ(waiting(1).estimate_s, 15);
  EXPECT_FALSE(queue_.learn("of another sweep", "cpu", 1));
}

TEST_F(RunQueueTest, EstimatesAreForTheDeviceOfTheWorkers) {
  queue_.learn(runs_[0].run_id, "cuda:0 GPU", 1);
  queue_.learn(runs_[0].run_id, "cpu", 10);
  EXPECT_EQ(waiting(1).estimate_s, 10);
  EXPECT_TRUE(queue_.set_device("cuda:1 GPU"));
  EXPECT_FALSE(queue_.set_device("cuda:0 GPU"));
  EXPECT_EQ(waiting(1).estimate_s, 1);
}

TEST_F(RunQueueTest, MemoryIsMeasuredElsePlannedElseAWholeGpu) {
  EXPECT_EQ(waiting(0).bytes, 0);  // On hosts it is not looked at before it was measured.
  queue_.set_device("cuda:0 GPU");
  EXPECT_FALSE(queue_.set_device("cpu"));  // Another worker's: it goes by the GPUs.
  EXPECT_EQ(waiting(0).bytes, kWholeDevice);
  queue_.plan_memory({{runs_[0].run_id, 50}});
  EXPECT_EQ(waiting(0).bytes, 50);
  EXPECT_TRUE(waiting(0).bytes_are_known);
  EXPECT_TRUE(queue_.learn_memory(runs_[0].run_id, "cuda:0 GPU", 30));
  EXPECT_FALSE(queue_.learn_memory(runs_[0].run_id, "cuda:0 GPU", 30));
  EXPECT_FALSE(queue_.learn_memory("of another sweep", "cuda:0 GPU", 99));
  EXPECT_EQ(waiting(0).bytes, 30);
  EXPECT_EQ(waiting(1).bytes, 30);            // Another seed.
  EXPECT_EQ(waiting(2).bytes, kWholeDevice);  // Other data.
}

TEST_F(RunQueueTest, AfterAShortageARunGetsTwiceAsMuchAtLeastAShareOfTheDevice) {
  const std::string& run_id = runs_[0].run_id;
  const Devices::Share gpu{.bytes = 800, .slots = 4, .workers = 4};
  queue_.set_device("cuda:0 GPU");
  queue_.learn_memory(run_id, "cuda:0 GPU", 30);
  queue_.note_shortage(run_id, gpu);
  EXPECT_EQ(waiting(0).bytes, 200);
  EXPECT_FALSE(waiting(0).bytes_are_known);
  queue_.note_shortage(run_id, gpu);
  EXPECT_EQ(waiting(0).bytes, 400);
  queue_.note_shortage(run_id, gpu);
  EXPECT_EQ(waiting(0).bytes, kWholeDevice);
  EXPECT_EQ(waiting(1).bytes, kWholeDevice);  // Its like.
}

TEST_F(RunQueueTest, AfterAShortageOfAWholeDeviceARunWantsALargerOneWhereThereIsOne) {
  queue_.set_device("cuda:0 GPU");
  queue_.note_shortage(runs_[0].run_id, {.bytes = 800, .slots = 4, .workers = 4, .largest = 900});
  EXPECT_EQ(waiting(0).bytes, 801);
  queue_.note_shortage(runs_[0].run_id, {.bytes = 900, .slots = 4, .workers = 4, .largest = 900});
  EXPECT_EQ(waiting(0).bytes, kWholeDevice);
}

TEST_F(RunQueueTest, ARunOnTheCpuBesideAGpuTakesNothingOfIt) {
  EXPECT_FALSE(queue_.all_on_cpu());
  for (SweepRun& run : runs_) run.config.train.device = DeviceChoice::Cpu;
  RunQueue queue(runs_, {});
  EXPECT_TRUE(queue.all_on_cpu());
  queue.set_device("cuda:0 GPU");
  EXPECT_EQ(queue.waiting(runs_[0].run_id).bytes, 0);
}

}  // namespace
}  // namespace seqsweep
