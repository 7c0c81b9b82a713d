#include "worker/worker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/worker/worker_fixture.h"

namespace seqsweep {
namespace {

// What a worker does is the same where a trainer does it for it.
class WorkerOfEitherKind : public WorkerTest, public testing::WithParamInterface<Trains> {
 protected:
  void SetUp() override {
    WorkerTest::SetUp();
    train(GetParam());
  }
};

INSTANTIATE_TEST_SUITE_P(Worker, WorkerOfEitherKind,
                         testing::Values(Trains::InTheWorker, Trains::Apart), [](const auto& kind) {
                           return kind.param == Trains::Apart ? "Apart" : "InTheWorker";
                         });

TEST_P(WorkerOfEitherKind, SaysWhoItIs) {
  settings_.mpi_version = "Test MPI 1.0";
  start();
  const Hello hello = next<Hello>().value();
  EXPECT_FALSE(hello.host.empty());
  EXPECT_EQ(hello.pid, getpid());
  EXPECT_EQ(hello.cores, 1);
  EXPECT_FALSE(hello.device.empty());
  EXPECT_EQ(hello.gpu.empty(), hello.device == "cpu");
  EXPECT_EQ(hello.gpu_bytes > 0, hello.device != "cpu");
  EXPECT_GT(hello.host_bytes, 0);
  EXPECT_EQ(Json::parse(hello.environment).at("mpi"), "Test MPI 1.0");
  EXPECT_EQ(shut_down(), kExitDone);
}

TEST_P(WorkerOfEitherKind, ReportsARunAndRepeatsItsResultUntilItIsStored) {
  start();
  const Ticket ticket = dispatch(tiny_config());
  std::vector<StepRow> steps;
  std::optional<Finished> finished;
  while (!finished) {
    auto envelope = coordinator_->receive(static_cast<int64_t>(1e3 * kPatience_s));
    ASSERT_TRUE(envelope);
    if (const auto* progress = std::get_if<Progress>(&envelope->message)) {
      EXPECT_EQ(progress->ticket, ticket);
      steps.insert(steps.end(), progress->steps.begin(), progress->steps.end());
    } else if (auto* result = std::get_if<Finished>(&envelope->message)) {
      finished = std::move(*result);
    }
  }
  EXPECT_EQ(steps.size(), 30U);  // Every row came before the result.
  EXPECT_EQ(finished->ticket, ticket);
  EXPECT_EQ(finished->result.user_ranks.size(), 40U);
  const Finished again = next<Finished>().value();
  EXPECT_EQ(again.result.user_ranks, finished->result.user_ranks);
  EXPECT_TRUE(has_checkpoints());
  coordinator_->send(1, Committed{ticket});
  EXPECT_EQ(shut_down(), kExitDone);
  EXPECT_FALSE(has_checkpoints());
}

TEST_P(WorkerOfEitherKind, AnExceptionFailsTheRunAndTheWorkerLivesOn) {
  start();
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"input", "input"}, {"memory", "memory"}, {"nan", "nan"}, {"torch", "error"}};
  for (const auto& [fault, cause] : faults) {
    RunConfig config = tiny_config();
    config.objective["fault"] = fault;
    const Ticket ticket = dispatch(config);
    const Failed failed = next<Failed>().value();
    EXPECT_EQ(failed.ticket, ticket);
    EXPECT_EQ(failed.cause, cause) << failed.text;
    EXPECT_FALSE(failed.text.empty());
    EXPECT_EQ(failed.text.find("frame #"), std::string::npos) << "a backtrace is no message";
    std::filesystem::remove_all(scratch_.path() / "run");
  }
  dispatch(tiny_config());
  EXPECT_TRUE(next<Finished>());
}

TEST_F(WorkerTest, AGroupThatCannotBeMadeFailsTheRun) {
  make_group_ = [](const Dispatch&) -> std::unique_ptr<Group> { throw_world("no such rank"); };
  start();
  dispatch(tiny_config());
  const Failed failed = next<Failed>().value();
  EXPECT_EQ(failed.cause, "world");
  EXPECT_EQ(failed.text, "no such rank");
}

TEST_P(WorkerOfEitherKind, DrainInterruptsAtAStep) {
  start();
  const Ticket ticket = dispatch(endless());
  await_step();
  coordinator_->send(1, Drain{});
  const Interrupted interrupted = next<Interrupted>().value();
  EXPECT_EQ(interrupted.ticket, ticket);
  EXPECT_GT(interrupted.step, 0);
  EXPECT_TRUE(has_checkpoints());
}

TEST_P(WorkerOfEitherKind, ASignalInterruptsLikeADrain) {
  start();
  dispatch(endless());
  await_step();
  stop_ = true;
  EXPECT_TRUE(next<Interrupted>());
  EXPECT_EQ(shut_down(), kExitDone);
}

TEST_P(WorkerOfEitherKind, CancelStopsOnlyItsOwnRun) {
  start();
  const Ticket ticket = dispatch(endless(), 2);
  coordinator_->send(1, Cancel{{ticket.run_id, 1, 1}});  // Of an older attempt.
  await_step();
  EXPECT_FALSE(next<Interrupted>(0.3));
  coordinator_->send(1, Cancel{ticket});
  EXPECT_EQ(next<Interrupted>().value().ticket, ticket);
}

TEST_P(WorkerOfEitherKind, ACancelledRunIsResumedByTheNextAttempt) {
  start();
  const Ticket first = dispatch(endless(), 1);
  await_step();
  coordinator_->send(1, Cancel{first});
  const int64_t stopped_at = next<Interrupted>().value().step;
  const Ticket second = dispatch(endless(), 2);
  while (next<Progress>().value().step <= stopped_at) {  // The first one tells where it resumed.
  }
  coordinator_->send(1, Cancel{second});
  EXPECT_GT(next<Interrupted>().value().step, stopped_at);
}

// It was believed to hang, and another worker is at the run's folder.
TEST_P(WorkerOfEitherKind, ARunThatGoesOnElsewhereIsLeftWithoutACheckpoint) {
  start();
  const Ticket ticket = dispatch(endless());
  await_step();
  coordinator_->send(1, Cancel{ticket, /*goes_on_elsewhere=*/true});
  EXPECT_EQ(next<Failed>().value().ticket, ticket);
  // There are those of ends of epochs, which were saved before; one for the stop would be of any
  // step.
  constexpr int64_t kStepsAnEpoch = 5;
  for (const auto& entry :
       std::filesystem::directory_iterator(scratch_.path() / "run/checkpoints")) {
    const std::string name = entry.path().stem();
    EXPECT_EQ(std::stoll(name.substr(name.find('-') + 1)) % kStepsAnEpoch, 0) << name;
  }
}

// Its worker was stopped before it read the dispatch.
TEST_P(WorkerOfEitherKind, ARunThatGoesOnElsewhereByThenIsNotBegun) {
  const Ticket ticket = dispatch(endless());
  coordinator_->send(1, Cancel{ticket, /*goes_on_elsewhere=*/true});
  start();
  EXPECT_EQ(next<Failed>().value().ticket, ticket);
  EXPECT_FALSE(std::filesystem::exists(scratch_.path() / "run"));
}

TEST_P(WorkerOfEitherKind, ANewDispatchEndsTheWaitForAStoredResult) {
  start();
  dispatch(tiny_config(), 1);
  ASSERT_TRUE(next<Finished>());
  const Ticket second = dispatch(tiny_config(), 2);
  while (next<Finished>().value().ticket != second) {
  }
}

TEST_P(WorkerOfEitherKind, AnOrphanCheckpointsAndLeavesWithoutATalk) {
  start();
  dispatch(endless());
  await_step();
  orphan_ = true;
  worker_.join();
  EXPECT_EQ(exit_code_, kExitWorldFailed);
  EXPECT_TRUE(has_checkpoints());
  EXPECT_FALSE(next<Interrupted>(0.05));
}

TEST_P(WorkerOfEitherKind, AnIdleOrphanLeaves) {
  start();
  orphan_ = true;
  worker_.join();
  EXPECT_EQ(exit_code_, kExitWorldFailed);
}

TEST_F(WorkerTest, OnlyTheFirstMemberOfAGroupReports) {
  start();
  dispatch(tiny_config(), 1, {2, 1});
  dispatch(tiny_config(), 2, {1, 2});
  ASSERT_TRUE(next<Hello>());
  const auto first = coordinator_->receive(static_cast<int64_t>(1e3 * kPatience_s));
  ASSERT_TRUE(first);
  EXPECT_EQ(std::get<Progress>(first->message).ticket.attempt, 2);
}

}  // namespace
}  // namespace seqsweep
