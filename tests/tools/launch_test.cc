// `seqsweep launch`: the same sweep under mpirun, without its flags.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/rank_process.h"

namespace seqsweep {
namespace launch_test {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kTinySweep = R"(name: tiny
datasets: [{name: synthetic, users: 60, items: 30, seed: 1, max_length: 20}]
models: [popularity, {name: sasrec, width: 8, inner_width: 16, blocks: 1}]
train: {epochs: 3, threads: 1, device: cpu}
latency: {samples: 0}
)";

class Launch : public testing::Test {
 protected:
  void SetUp() override {
    if (run_command({kSeqsweep, "doctor"}).output.find("MPI           found") ==
        std::string::npos) {
      GTEST_SKIP() << "no MPI";
    }
  }
  TestFolder folder_{"launch"};
};

TEST_F(Launch, RunsTheSweepWithItsSettings) {
  const std::string db = folder_.at("results.db");
  const CommandResult result =
      run_command({kSeqsweep, "launch", "-n", "3", folder_.file("sweep.yaml", kTinySweep), "--db",
                   db, "data_dir=" + folder_.at("data"), "train.epochs=1"});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(
      trim(run_command({"sqlite3", db, "SELECT sum(status = 'done'), max(epochs) FROM results"})
               .output),
      "2|1");
}

// Open MPI would refuse: "The PMIx server's listener thread failed to start".
TEST_F(Launch, ALeftSessionFolderOfAKilledMpirunIsNoObstacle) {
  const fs::path sessions = folder_.path() / "sessions";
  std::string host(256, '\0');
  ASSERT_EQ(::gethostname(host.data(), host.size()), 0);
  host.resize(host.find_first_of(std::string(".") + '\0'));
  for (pid_t pid = ::getpid() + 1; pid < ::getpid() + 500; ++pid) {
    const fs::path left = sessions / fmt::format("ompi.{}", pid);
    fs::create_directories(left);
    std::ofstream(left / fmt::format("pmix.{}.tool.{}", host, pid)) << "left\n";
  }
  const std::string temporary = "TMPDIR=" + sessions.string();
  const CommandResult doctor = run_command({"env", temporary, kSeqsweep, "doctor"});
  EXPECT_THAT(doctor.output, HasSubstr("folders of killed mpiruns in " + sessions.string()));
  const CommandResult result = run_command(
      {"env", temporary, kSeqsweep, "launch", "-n", "2", folder_.file("sweep.yaml", kTinySweep),
       "--db", folder_.at("results.db"), "data_dir=" + folder_.at("data"), "train.epochs=1"});
  EXPECT_EQ(result.code, 0) << result.output;
}

TEST_F(Launch, BadInputIsToldAndGives2) {
  const CommandResult missing = run_command({kSeqsweep, "launch", "-n", "2"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.output, HasSubstr("needs a sweep file"));
  const CommandResult unknown = run_command({kSeqsweep, "launch", "-n", "2",
                                             folder_.file("sweep.yaml", "name: x\nmodel: sasrec"),
                                             "--db", folder_.at("results.db")});
  EXPECT_EQ(unknown.code, 2) << unknown.output;
  EXPECT_THAT(unknown.output, HasSubstr("unknown key 'model'"));
}

// The code of mpirun is then that of the rank that was killed.
TEST_F(Launch, ItsCodeIsThatOfTheSweepThatWentOnWithoutAWorker) {
  if (run_command({"mpirun", "--with-ft", "ulfm", "-n", "1", "true"}).code != 0) {
    GTEST_SKIP() << "this MPI has no ULFM";
  }
  const std::string db = folder_.at("results.db");
  Command launch(
      {kSeqsweep, "launch", "-n", "3", folder_.file("sweep.yaml", kTinySweep), "--db", db,
       "data_dir=" + folder_.at("data"), "train.epochs=300", "train.patience=0", "seeds=[1,2]"},
      folder_.path() / "log.txt");
  const std::vector<std::string> began = {"sqlite3", "-readonly", db,
                                          "SELECT count(DISTINCT run) > 1 FROM steps"};
  while (launch.running() && run_command(began).output != "1\n") {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const pid_t victim = process_of(db, 2);
  ASSERT_GT(victim, 0) << launch.output();
  ::kill(victim, SIGKILL);
  EXPECT_EQ(launch.wait(), 0) << launch.output();
  EXPECT_EQ(
      run_command({"sqlite3", db, "SELECT count(*) FROM results WHERE status != 'done'"}).output,
      "0\n");
}

// Whatever ends it, as a second Ctrl-C, a closed terminal or kill -9.
TEST_F(Launch, KilledItLeavesNobodyBehind) {
  const std::string db = folder_.at("results.db");
  Command launch({kSeqsweep, "launch", "-n", "2", folder_.file("sweep.yaml", kTinySweep), "--db",
                  db, "data_dir=" + folder_.at("data"), "train.epochs=100000", "train.patience=0"},
                 folder_.path() / "log.txt");
  const auto processes = [&] {
    return std::atoi(run_command({"sh", "-c", "pgrep -c -f -- '--db " + db + "'"}).output.c_str());
  };
  const auto answer = [&](const char* sql) {
    return std::string(trim(run_command({"sqlite3", "-readonly", db, sql}).output));
  };
  while (launch.running() && answer("SELECT count(*) > 0 FROM steps") != "1") {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  launch.signal(SIGKILL);
  launch.wait();
  for (int i = 0; i < 600 && processes() > 1; ++i) {  // pgrep's own shell is one.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LE(processes(), 1) << launch.output();
  EXPECT_EQ(answer("PRAGMA integrity_check"), "ok");
}

}  // namespace launch_test
}  // namespace seqsweep
