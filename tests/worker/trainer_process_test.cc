#include "worker/trainer_process.h"

#include <gmock/gmock.h>

#include "tests/worker/worker_fixture.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

class TrainerProcessTest : public testing::Test {
 protected:
  TrainerProcessTest()
      : trainer_(std::in_place, *TrainersForTests::forks, /*rank=*/3,
                 WorkerSettings{.threads = 1, .mpi_version = "Test MPI"}) {}

  template <typename T>
  std::optional<T> next() {
    const double end_s = monotonic_s() + kPatience_s;
    while (!trainer_->dead() && monotonic_s() < end_s) {
      auto message = trainer_->receive(10);
      if (message && std::holds_alternative<T>(*message)) return std::get<T>(std::move(*message));
    }
    return std::nullopt;
  }
  void dispatch(const std::string& fault) {
    RunConfig config = tiny_config();
    config.objective["fault"] = fault;
    config.objective["fault_after"] = 7;
    trainer_->send(Dispatch{.ticket = {"0123456789abcdef", 1, 1},
                            .config = config.json().dump(),
                            .members = {3},
                            .folder = (scratch_.path() / "run").string()});
  }

  TemporaryFolder scratch_;
  std::optional<TrainerProcess> trainer_;
};

TEST_F(TrainerProcessTest, IsAWorkerOfItsRanksNumber) {
  const Hello hello = next<Hello>().value();
  EXPECT_NE(hello.pid, ::getpid());
  EXPECT_EQ(hello.cores, 1);
  EXPECT_EQ(Json::parse(hello.environment).at("mpi"), "Test MPI");
  dispatch("");
  EXPECT_TRUE(next<Finished>());  // So it takes the run for its own.
}

TEST_F(TrainerProcessTest, HowItDiedAndItsLastWordsAreKnown) {
  testing::internal::CaptureStderr();
  dispatch("abort");
  EXPECT_FALSE(next<Finished>());
  ASSERT_TRUE(trainer_->dead());
  const TrainerProcess::End end = trainer_->end();
  EXPECT_EQ(end.cause, "crash");
  EXPECT_EQ(end.how, "died by signal 6 (SIGABRT)");
  EXPECT_THAT(end.more, HasSubstr("; its last words: "));
  EXPECT_THAT(end.more, HasSubstr("the tiny run's last words"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the tiny run's last words"));
}

TEST_F(TrainerProcessTest, KilledItIsDeadAtOnce) {
  dispatch("stop");
  ASSERT_TRUE(next<Progress>());
  trainer_->kill();
  EXPECT_FALSE(next<Finished>());
  ASSERT_TRUE(trainer_->dead());
  EXPECT_EQ(trainer_->end().how, "died by signal 9 (SIGKILL)");
}

TEST_F(TrainerProcessTest, StoppedItLeavesAllTheSame) {
  dispatch("stop");
  ASSERT_TRUE(next<Progress>());
  const double start_s = monotonic_s();
  trainer_.reset();
  EXPECT_LT(monotonic_s() - start_s, 10);
}

// A coordinator's end of the socket that closes is the death of its rank.
TEST(RunTrainer, LeavesWhenItsRankIsGone) {
  ForkServer& forks = *TrainersForTests::forks;
  ForkServer::Process process =
      forks.fork(R"({"rank": 1, "threads": 1, "mpi_version": "", "finished_every_ms": 50,
                     "lease_s": 60})");
  process.socket.close();
  EXPECT_EQ(how_it_ended(forks.wait(process.id).value()), "ended with exit code 3");
}

}  // namespace
}  // namespace seqsweep
