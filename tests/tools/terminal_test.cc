// What a terminal shows and a pipe does not, and the commands that go on while a sweep writes.
#include <gmock/gmock.h>

#include <memory>

#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/terminal.h"

namespace seqsweep {
namespace terminal_test {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kPatience = 300;

size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// A sweep of three runs of a second or two that has just begun to write.
class WhileItWrites : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string sweep = folder_.file("sweep.yaml", R"(name: live
datasets: [{name: synthetic, users: 150, items: 40, seed: 1, max_length: 20}]
models: [{name: sasrec, width: 16, inner_width: 32, blocks: 1}]
optimizers: [adam]
seeds: [1, 2, 3]
train: {batch_size: 16, epochs: 80, patience: 0, threads: 1, device: cpu}
latency: {samples: 0}
)");
    sweep_ = std::make_unique<Command>(
        std::vector<std::string>{kSeqsweep, "sweep", sweep, "--db", database(), "--data-dir",
                                 folder_.at("data")},
        folder_.at("sweep.out"));
    for (int i = 0; i < 1200 && sweep_->running(); ++i) {
      const CommandResult runs =
          run_command({kSeqsweep, "query", database(), "SELECT run_id FROM runs"});
      if (runs.code == 0 && runs.output.size() > 40) return;
      ::usleep(50'000);
    }
    FAIL() << sweep_->output();
  }
  std::string database() const { return folder_.at("live.db"); }

  const TestFolder folder_{"terminal"};
  std::unique_ptr<Command> sweep_;
};

TEST_F(WhileItWrites, AWatchedStatusIsRewrittenInPlace) {
  Terminal screen({kSeqsweep, "status", database(), "--watch", "--every", "0.1"});
  EXPECT_EQ(screen.wait(kPatience), 0) << screen.output();
  const std::string& text = screen.output();
  EXPECT_EQ(count_of(text, "\033[2J"), 1U) << "it is cleared once, or it flickers";
  EXPECT_GT(count_of(text, "\033[H"), 1U) << text;
  EXPECT_THAT(text, ContainsRegex("[0-2] of 3 runs done"));
  EXPECT_THAT(text.substr(text.rfind("\033[H")), HasSubstr("3 of 3 runs done"));
  EXPECT_EQ(sweep_->wait(), 0) << sweep_->output();
}

TEST_F(WhileItWrites, AWatchThroughAPipeIsPlainAndSaysNothingTwice) {
  const CommandResult watch =
      run_command({kSeqsweep, "status", database(), "--watch", "--every", "0.1"});
  EXPECT_EQ(watch.code, 0) << watch.output;
  EXPECT_THAT(watch.output, Not(HasSubstr("\033")));
  EXPECT_THAT(watch.output, ContainsRegex("[0-2] of 3 runs done"));
  EXPECT_THAT(watch.output, HasSubstr("3 of 3 runs done"));
  EXPECT_EQ(sweep_->wait(), 0) << sweep_->output();
}

TEST_F(WhileItWrites, FollowedLogsHaveEveryEventOnceAndEndWithCtrlC) {
  Terminal screen({kSeqsweep, "logs", database(), "--follow", "--json"});
  EXPECT_EQ(sweep_->wait(), 0) << sweep_->output();
  // Good runs are no event; these diverge.
  const std::string bad = folder_.file("bad.yaml", R"(name: bad
datasets: [{name: synthetic, users: 80, items: 40, seed: 1, max_length: 20}]
models: [{name: sasrec, width: 16, inner_width: 32, blocks: 1}]
optimizers: [{name: adam, lr: 1.0e30}]
seeds: [1, 2]
train: {batch_size: 16, epochs: 1, threads: 1, device: cpu}
latency: {samples: 0}
)");
  const CommandResult failed =
      run_command({kSeqsweep, "sweep", bad, "--db", database(), "--data-dir", folder_.at("data")});
  EXPECT_EQ(failed.code, 1) << failed.output;
  const CommandResult all = run_command({kSeqsweep, "logs", database(), "--json"});
  ASSERT_EQ(all.code, 0) << all.output;
  const auto events = split(std::string(trim(all.output)), '\n');
  ASSERT_GT(events.size(), 1U) << all.output;
  EXPECT_TRUE(screen.see(events.back(), 20)) << screen.output();
  screen.type("\x03");
  EXPECT_EQ(screen.wait(20), 0);
  for (const std::string& event : events) EXPECT_EQ(count_of(screen.output(), event), 1U) << event;
}

TEST(SweepUnderMpirun, ShowsItsProgressOnTheTerminalOfMpirun) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("terminal_mpirun");
  const std::string sweep = folder.file("sweep.yaml", R"(name: shown
datasets: [{name: synthetic, users: 150, items: 40, seed: 1, max_length: 20}]
models: [{name: sasrec, width: 16, inner_width: 32, blocks: 1}]
seeds: [1, 2]
train: {batch_size: 16, epochs: 40, patience: 0, threads: 1, device: cpu}
latency: {samples: 0}
)");
  Terminal screen({kSeqsweep, "launch", "-n", "2", sweep, "--db", folder.at("shown.db"),
                   "--data-dir", folder.at("data")});
  EXPECT_EQ(screen.wait(kPatience), 0) << screen.output();
  EXPECT_THAT(screen.output(), HasSubstr("] 0/2 done, 1 running"));
  EXPECT_THAT(screen.output(), HasSubstr(" left"));
  EXPECT_THAT(screen.output(), HasSubstr("shown: 2 of 2 runs done; `make_tables"));
}

TEST(Colours, AreForTerminalsAndNotWhereTheyAreUnwanted) {
  Terminal coloured({kSeqsweep, "doctor"});
  coloured.wait(kPatience);
  EXPECT_THAT(coloured.output(), HasSubstr("\033["));
  Terminal plain({kSeqsweep, "doctor"}, {{"NO_COLOR", "1"}});
  plain.wait(kPatience);
  EXPECT_THAT(plain.output(), HasSubstr("LibTorch"));
  EXPECT_THAT(plain.output(), Not(HasSubstr("\033")));
  EXPECT_THAT(run_command({kSeqsweep, "doctor"}).output, Not(HasSubstr("\033")));
}

}  // namespace terminal_test
}  // namespace seqsweep
