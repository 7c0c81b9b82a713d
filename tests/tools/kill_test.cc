// A sweep under mpirun, killed with SIGKILL at random moments and started again, ends with every
// run done exactly once and the same metrics as an undisturbed one.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/command.h"
#include "tests/support/rank_process.h"

namespace seqsweep {
namespace kill_test {

constexpr const char* kSweep = R"(name: torture
datasets: [{name: synthetic, users: 300, items: 120, seed: 1, max_length: 20}]
models:
  - {name: sasrec, width: 16, inner_width: 32, blocks: 1}
  - popularity
optimizers: [{name: adam, lr: 0.003}]
seeds: [1, 2, 3]
train: {batch_size: 16, epochs: 40, patience: 0, checkpoint_s: 0.2, threads: 1, device: cpu}
latency: {samples: 4, users: 50}
)";

std::vector<std::string> mpirun(const TestFolder& folder, const std::string& db) {
  return {"mpirun",  "-n",    "3",
          kSeqsweep, "sweep", folder.at("sweep.yaml"),
          "--db",    db,      "data_dir=" + folder.at("data")};
}

std::string query(const std::string& db, const std::string& sql) {
  const CommandResult result = run_command({"sqlite3", db, sql});
  EXPECT_EQ(result.code, 0) << result.output;
  return result.output;
}

constexpr const char* kFigures =
    "SELECT run_id, status, epochs, hit_10, ndcg_10, mrr_10, params FROM results ORDER BY run_id";
constexpr const char* kCounts =
    "SELECT run, count(*), count(DISTINCT step) FROM steps GROUP BY run ORDER BY run";

TEST(Kill, KilledSweepEndsLikeAnUndisturbedOne) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("kill");
  folder.file("sweep.yaml", kSweep);
  const std::string quiet = folder.at("quiet.db"), torn = folder.at("torn.db");
  const auto start = std::chrono::steady_clock::now();
  const CommandResult undisturbed = run_command(mpirun(folder, quiet));
  ASSERT_EQ(undisturbed.code, 0) << undisturbed.output;
  const auto length = std::chrono::steady_clock::now() - start;

  const unsigned seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> moment(0.05, 1.0);
  for (int i = 0; i < 10; ++i) {
    Command sweep(mpirun(folder, torn), folder.path() / "torn.log");
    std::this_thread::sleep_for(std::chrono::duration_cast<std::chrono::milliseconds>(
        length * moment(random) * (i < 5 ? 0.5 : 1.0)));
    // mpirun alone at even moments, so that its ranks are orphans; everything at odd ones.
    i % 2 == 0 ? sweep.signal(SIGKILL) : sweep.signal_group(SIGKILL);
    sweep.wait();
  }
  Command last(mpirun(folder, torn), folder.path() / "torn.log");
  EXPECT_EQ(last.wait(), 0) << "seed " << seed << "\n" << last.output();

  EXPECT_EQ(query(torn, kFigures), query(quiet, kFigures)) << "seed " << seed;
  EXPECT_EQ(query(torn, kCounts), query(quiet, kCounts)) << "seed " << seed;
  EXPECT_EQ(query(torn, "PRAGMA integrity_check"), "ok\n");
  EXPECT_EQ(query(torn, "SELECT count(*) FROM results WHERE status = 'done'"), "6\n");
}

int64_t count_of(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Kill, DrainedSweepEndsWith130AndGoesOn) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("drain");
  folder.file("sweep.yaml", kSweep);
  const std::string quiet = folder.at("quiet.db"), torn = folder.at("torn.db");
  ASSERT_EQ(run_command(mpirun(folder, quiet)).code, 0);
  int interrupted = 0;
  for (int i = 0; i < 5; ++i) {
    Command sweep(mpirun(folder, torn), folder.path() / "torn.log");
    // A rank that still loads its libraries has no handler yet: the signal would end it.
    const int64_t ready = 2 * (i + 1);
    while (sweep.running() && count_of(sweep.output(), "is ready") < ready) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300 * i));
    sweep.signal(SIGUSR1);
    const int code = sweep.wait();
    EXPECT_TRUE(code == 130 || code == 0) << code << "\n" << sweep.output();
    interrupted += code == 130;
  }
  EXPECT_GT(interrupted, 0);
  EXPECT_EQ(run_command(mpirun(folder, torn)).code, 0);
  EXPECT_EQ(query(torn, kFigures), query(quiet, kFigures));
  EXPECT_EQ(query(torn, kCounts), query(quiet, kCounts));
}

TEST(Kill, OneProcessWithoutMpirunDrainsOnInterrupt) {
  const TestFolder folder("drain_local");
  folder.file("sweep.yaml", kSweep);
  const std::string db = folder.at("results.db");
  const std::vector<std::string> command = {kSeqsweep, "sweep", folder.at("sweep.yaml"),
                                            "--db",    db,      "data_dir=" + folder.at("data")};
  {
    Command sweep(command, folder.path() / "log");
    while (sweep.running() && sweep.output().find("started on") == std::string::npos) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    sweep.signal(SIGINT);
    EXPECT_EQ(sweep.wait(), 130) << sweep.output();
  }
  EXPECT_EQ(run_command(command).code, 0);
  EXPECT_EQ(query(db, "SELECT count(*) FROM results WHERE status = 'done'"), "6\n");
  const CommandResult again = run_command(command);  // Trains nothing again.
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(query(db, "SELECT max(attempts) <= 2 FROM results"), "1\n");
}

class KilledTrainer : public testing::Test {
 protected:
  std::vector<std::string> command(const std::string& db) const {
    return {kSeqsweep, "sweep", folder_.at("sweep.yaml"),        "--db", db,
            "--lease", "3",     "data_dir=" + folder_.at("data")};
  }
  // Of a sweep that trains; 0: it ended.
  static pid_t busy_trainer(Command& sweep, const std::string& db) {
    while (sweep.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (run_command({"sqlite3", "-readonly", db, "SELECT count(*) > 20 FROM steps"}).output ==
          "1\n") {
        return trainer_of(db);
      }
    }
    return 0;
  }
  static bool gone_soon(pid_t process) {
    for (int i = 0; i < 1000 && ::kill(process, 0) == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return ::kill(process, 0) != 0;
  }

  TestFolder folder_{"trainer"};
};

TEST_F(KilledTrainer, CostsAnAttemptAndNothingElse) {
  folder_.file("sweep.yaml", kSweep);
  const std::string quiet = folder_.at("quiet.db"), torn = folder_.at("torn.db");
  ASSERT_EQ(run_command(command(quiet)).code, 0);
  for (const int signal : {SIGKILL, SIGSTOP}) {
    for (const char* part : {"", "-wal", "-shm", ".runs"}) std::filesystem::remove_all(torn + part);
    Command sweep(command(torn), folder_.path() / "torn.log");
    const pid_t trainer = busy_trainer(sweep, torn);
    ASSERT_GT(trainer, 0) << sweep.output();
    ::kill(trainer, signal);
    EXPECT_EQ(sweep.wait(), 0) << sweep.output();
    EXPECT_EQ(query(torn, kFigures), query(quiet, kFigures));
    EXPECT_EQ(query(torn, kCounts), query(quiet, kCounts));
    EXPECT_EQ(query(torn, "SELECT cause FROM attempts WHERE cause != 'done'"),
              signal == SIGKILL ? "crash\n" : "lost\n");
  }
}

TEST_F(KilledTrainer, GoesWithItsRankAndSavesWhatItReached) {
  folder_.file("sweep.yaml", kSweep);
  const std::string db = folder_.at("results.db");
  Command sweep(command(db), folder_.path() / "log");
  const pid_t trainer = busy_trainer(sweep, db);
  ASSERT_GT(trainer, 0) << sweep.output();
  sweep.signal(SIGKILL);
  sweep.wait();
  EXPECT_TRUE(gone_soon(trainer));
  const std::string told = query(db, "SELECT max(step) FROM steps");
  EXPECT_EQ(run_command(command(db)).code, 0);
  EXPECT_EQ(query(db, "SELECT min(resumed_from_step) >= " + told.substr(0, told.size() - 1) +
                          " FROM attempts WHERE number = 2"),
            "1\n");
}

}  // namespace kill_test
}  // namespace seqsweep
