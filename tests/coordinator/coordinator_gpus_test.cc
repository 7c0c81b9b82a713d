// Workers that share GPUs, and what runs need of their memory.
#include <gmock/gmock.h>

#include "coordinator/coordinator.h"
#include "tests/coordinator/coordinator_fixture.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Hello on_gpu(int64_t bytes = 80) {
  return {.host = "host",
          .cores = 1,
          .device = "cuda:0 GPU",
          .gpu = "GPU-1",
          .gpu_bytes = bytes,
          .host_bytes = 1000};
}

class CoordinatorGpusTest : public CoordinatorTest {
 protected:
  void begin_on_gpu(int workers, std::vector<SweepRun> runs) {
    begin(workers, std::move(runs));
    for (int rank = 1; rank <= workers; ++rank) say(rank, on_gpu());
  }
  void finish_with(int rank, const Ticket& ticket, double bytes) {
    RunResult result = result_of(run_of(ticket));
    result.device = "cuda:0 GPU";
    result.peak_memory_bytes = bytes;
    say(rank, Finished{ticket, result});
  }
  size_t started() {
    size_t count = 0;
    for (const Envelope& envelope : transport_->sent) {
      count += std::holds_alternative<Dispatch>(envelope.message) ? 1 : 0;
    }
    return count;
  }
};

TEST_F(CoordinatorGpusTest, OneRunAGpuIsTheDefaultAndIsSaidOnce) {
  begin_on_gpu(3, seeds_of_a_run(3));
  EXPECT_EQ(started(), 1U);
  EXPECT_THAT(event_kinds(), ElementsAre("ranks_per_gpu"));
  EXPECT_THAT(read_events(store_->database())[0].text, HasSubstr("2 of a GPU of host"));
  finish_with(1, ticket_of(1), 10);
  EXPECT_EQ(started(), 1U);  // The next one; two were not at once.
}

TEST_F(CoordinatorGpusTest, OnceARunWasMeasuredItsLikeShareTheGpu) {
  settings_.ranks_per_gpu = 3;
  begin_on_gpu(4, seeds_of_a_run(5));
  EXPECT_EQ(started(), 1U);  // Nobody knows how much it takes.
  finish_with(1, ticket_of(1), 30);
  EXPECT_EQ(started(), 2U);
  const Ticket second = ticket_of(1);
  ticket_of(2);
  finish_with(1, second, 20);
  EXPECT_EQ(started(), 1U);
}

TEST_F(CoordinatorGpusTest, ARunThatRanOutOfMemoryIsTriedWithMore) {
  settings_.ranks_per_gpu = 2;
  settings_.retry.delay_s = 0;
  begin_on_gpu(2, seeds_of_a_run(3));
  finish_with(1, ticket_of(1), 30);
  const Ticket first = ticket_of(1), second = ticket_of(2);
  say(1, Failed{first, "memory", "CUDA out of memory"});
  EXPECT_EQ(started(), 0U);  // Twice 30 is not to spare beside the other.
  finish_with(2, second, 30);
  EXPECT_EQ(started(), 1U);
  EXPECT_EQ(ticket_of(1).attempt, 2);
}

TEST_F(CoordinatorGpusTest, ARunThatWasMeasuredToNeedMoreThanThereIsFailsAtOnce) {
  begin(1, seeds_of_a_run(3));
  const Ticket measured =
      store_->start_attempt(runs_[0].run_id, {.worker = 1, .environment = "{}"});
  RunResult result = result_of(runs_[0]);
  result.device = "cuda:0 GPU";
  result.peak_memory_bytes = 90;
  ASSERT_TRUE(store_->finish(measured, result));
  coordinator_ =  // That has read it.
      std::make_unique<Coordinator>(settings_, runs_, *store_, *transport_, clock_, view_);
  say(1, on_gpu());
  EXPECT_TRUE(coordinator_->ended());
  EXPECT_EQ(coordinator_->exit_code(), kExitSomeRunsFailed);
  EXPECT_EQ(counts().failed, 2);
  for (const AttemptRow& attempt : read_attempts(store_->database(), runs_[1].run_id)) {
    EXPECT_EQ(attempt.cause, "input");
    EXPECT_THAT(attempt.text, HasSubstr("needs 90 B, no GPU has more than 80 B"));
  }
}

TEST_F(CoordinatorGpusTest, ARunOfMoreRanksThanGpusHasThemToItself) {
  begin_on_gpu(3, seeds_of_a_run(2, 2));
  EXPECT_EQ(started(), 2U);  // Both ranks of the first run.
  const Ticket first = ticket_of(1);
  EXPECT_EQ(ticket_of(2), first);
  finish_with(1, first, 10);
  EXPECT_NE(ticket_of(2).run_id, first.run_id);
  EXPECT_EQ(counts().running, 1);
}

TEST_F(CoordinatorGpusTest, RunsOnTheCpuLeaveTheGpusOut) {
  std::vector<SweepRun> runs = seeds_of_a_run(4);
  for (SweepRun& run : runs) {
    run.config.train.device = DeviceChoice::Cpu;
    run.run_id = config_hash(run.config.json());
  }
  begin_on_gpu(4, runs);
  EXPECT_EQ(started(), 4U);
  EXPECT_THAT(event_kinds(), IsEmpty());
}

TEST_F(CoordinatorGpusTest, HostsArePackedByMemoryToo) {
  begin(4, seeds_of_a_run(8));
  for (int rank = 1; rank <= 4; ++rank) {
    say(rank, Hello{.host = "host", .cores = 1, .device = "cpu", .host_bytes = 1000});
  }
  EXPECT_EQ(started(), 4U);
  for (int rank = 1; rank <= 4; ++rank) {
    RunResult result = result_of(runs_[0]);
    result.device = "cpu";
    result.peak_memory_bytes = 400;
    say(rank, Finished{ticket_of(rank), result});
  }
  EXPECT_EQ(started(), 2U);
  EXPECT_THAT(event_kinds(), Not(Contains("ranks_per_gpu")));
}

}  // namespace
}  // namespace seqsweep
