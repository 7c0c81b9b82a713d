// One run divided over two ranks trains what one rank trains: the same microbatches in the same
// order, and sums over the ranks. Also when it is drained, or a rank killed, in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/rank_process.h"

namespace seqsweep {
namespace ranks_test {

constexpr const char* kSweep = R"(name: ranks
datasets: [{name: synthetic, users: 200, items: 80, seed: 1, max_length: 20}]
models: [{name: sasrec, width: 16, inner_width: 32, blocks: 1}]
optimizers: [{name: adam, lr: 0.003}]
seeds: [1]
train: {batch_size: 8, microbatches: 5, epochs: 4, patience: 0, threads: 1, device: cpu, log_every: 1}
latency: {samples: 5, users: 10}
)";

class Ranks : public testing::Test {
 protected:
  void SetUp() override {
    if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
    folder_.file("sweep.yaml", kSweep);
  }

  // The sweep with train.ranks = `ranks`, on as many workers.
  std::vector<std::string> command(const std::string& db, int ranks,
                                   const std::string& override) const {
    return {"mpirun",
            "-n",
            std::to_string(ranks + 1),
            kSeqsweep,
            "sweep",
            folder_.at("sweep.yaml"),
            "--db",
            db,
            fmt::format("train.ranks={}", ranks),
            override,
            "data_dir=" + folder_.at("data")};
  }
  // Its database.
  std::string sweep_on(int ranks, const std::string& override) const {
    const std::string db = folder_.at(fmt::format("ranks{}.db", ranks));
    const CommandResult result = run_command(command(db, ranks, override));
    EXPECT_EQ(result.code, 0) << result.output;
    return db;
  }
  static std::vector<double> numbers(const std::string& db, const std::string& sql) {
    std::vector<double> values;
    for (const std::string& line : split(run_command({"sqlite3", db, sql}).output, '\n')) {
      if (!line.empty()) values.push_back(std::stod(line));
    }
    return values;
  }

  // 0 as long as there is none; also of a database that is not there yet.
  static double number(const std::string& db, const std::string& sql) {
    return std::atof(run_command({"sqlite3", "-readonly", db, sql}).output.c_str());
  }

  // Up to the order of sums, which the division decides.
  static void expect_same_training(const std::string& db, const std::string& expected,
                                   double tolerance) {
    const std::string losses = "SELECT loss FROM steps ORDER BY step";
    const std::vector<double> ours = numbers(db, losses), theirs = numbers(expected, losses);
    ASSERT_EQ(ours.size(), theirs.size());
    ASSERT_GT(ours.size(), 10U);
    for (size_t i = 0; i < ours.size(); ++i)
      ASSERT_NEAR(ours[i], theirs[i], tolerance * theirs[i]) << i;
    EXPECT_LT(ours.back(), ours.front());

    for (const char* metric : {"hit_10", "ndcg_10", "mrr_10"}) {  // Of 200 users, one may differ.
      const std::string sql = fmt::format("SELECT {} FROM results", metric);
      EXPECT_NEAR(numbers(db, sql).at(0), numbers(expected, sql).at(0), 0.0051) << metric;
    }
  }

  TestFolder folder_{"ranks"};
};

TEST_F(Ranks, TwoTrainWhatOneTrains) {
  const std::string override = "train.epochs=4";
  const std::string one = sweep_on(1, override), two = sweep_on(2, override);
  EXPECT_EQ(numbers(two, "SELECT ranks FROM results"), std::vector<double>{2});
  expect_same_training(two, one, 1e-5);
  EXPECT_EQ(numbers(two, "SELECT count(*) FROM latency_samples"), std::vector<double>{5});
  EXPECT_EQ(numbers(two, "SELECT latency_low_ms > 0 FROM results"), std::vector<double>{1});
}

// Its batch grows by what the gradients say, so all ranks must say the same.
TEST_F(Ranks, TwoTrainWhatOneTrainsWithUsgm) {
  const std::string override =
      "optimizers=[{name: usgm, diameter: 10, batch_schedule: "
      "{name: adaptive, min_steps_per_epoch: 1}}]";
  const std::string one = sweep_on(1, override), two = sweep_on(2, override);
  expect_same_training(two, one, 1e-4);
  const std::string microbatches = "SELECT microbatches FROM steps ORDER BY step";
  EXPECT_EQ(numbers(two, microbatches), numbers(one, microbatches));
  EXPECT_GT(numbers(one, "SELECT count(DISTINCT microbatches) FROM steps").at(0), 3);
}

TEST_F(Ranks, TwoAreDrainedTogetherAndGoOn) {
  const std::string override = "train.epochs=60";
  const std::string quiet = sweep_on(2, override), torn = folder_.at("torn.db");
  {
    Command sweep(command(torn, 2, override), folder_.path() / "torn.log");
    const std::vector<std::string> began = {"sqlite3", "-readonly", torn,
                                            "SELECT 1 FROM steps LIMIT 1"};
    while (sweep.running() && run_command(began).output != "1\n") {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    sweep.signal(SIGUSR1);
    EXPECT_EQ(sweep.wait(), 130) << sweep.output();
  }
  EXPECT_EQ(numbers(torn, "SELECT count(*) FROM results WHERE status = 'pending'").at(0), 1);
  const CommandResult resumed = run_command(command(torn, 2, override));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_NE(resumed.output.find("resuming at step"), std::string::npos) << resumed.output;
  const std::string once = "SELECT count(*) - count(DISTINCT step) FROM steps";
  EXPECT_EQ(numbers(torn, once), std::vector<double>{0});
  expect_same_training(torn, quiet, 1e-4);
}

// Rank 2 is stopped as a whole and cannot answer; rank 1 waits for it and says where.
TEST_F(Ranks, AMemberThatWaitsForAHungOneSaysWhereItStands) {
  const std::string db = folder_.at("hung.db");
  std::vector<std::string> arguments = command(db, 2, "train.epochs=1000");
  arguments.insert(arguments.end(), {"--lease", "4"});
  Command sweep(arguments, folder_.path() / "hung.log");
  while (sweep.running() && number(db, "SELECT coalesce(max(step), 0) FROM steps") < 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const pid_t victim = process_of(db, 2);
  ASSERT_GT(victim, 0) << sweep.output();
  ::kill(victim, SIGSTOP);
  EXPECT_NE(sweep.wait(), 0) << sweep.output();  // Nobody is left to train it.
  const std::string text =
      run_command({"sqlite3", "-readonly", db, "SELECT text FROM events WHERE kind = 'stack'"})
          .output;
  EXPECT_NE(text.find("rank 1 stands in "), std::string::npos) << text << sweep.output();
  EXPECT_NE(text.find("seqsweep::Trainer::"), std::string::npos) << text;
  EXPECT_EQ(number(db, "SELECT count(*) FROM attempts WHERE cause = 'lost'"), 1);
}

struct Loss {
  int victim = 1, workers = 2;  // The victim is a world rank.
  int ranks_after() const { return std::min(2, workers - 1); }
};

class UnderUlfm : public Ranks {
 protected:
  void SetUp() override {
    Ranks::SetUp();
    const CommandResult known = run_command({"mpirun", "--with-ft", "ulfm", "-n", "1", "true"});
    if (known.code != 0) GTEST_SKIP() << "this MPI has no ULFM";
  }
};

// The one that is left goes on from the step that was reached, whichever of the two died: alone, or
// with a spare worker.
class RanksUnderUlfm : public UnderUlfm, public testing::WithParamInterface<Loss> {};

TEST_P(RanksUnderUlfm, TheSurvivorOfTwoGoesOn) {
  const std::string override = "train.epochs=60";
  const std::string quiet = sweep_on(2, override), torn = folder_.at("torn.db");
  std::vector<std::string> arguments = command(torn, 2, override);
  arguments[2] = std::to_string(GetParam().workers + 1);
  arguments.insert(arguments.begin() + 1, {"--with-ft", "ulfm"});
  Command sweep(arguments, folder_.path() / "torn.log");
  const std::string last_step = "SELECT coalesce(max(step), 0) FROM steps";
  while (sweep.running() && number(torn, last_step) < 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const double reached = number(torn, last_step);
  const pid_t victim = process_of(torn, GetParam().victim);
  ASSERT_GT(victim, 0) << sweep.output();
  ::kill(victim, SIGKILL);
  const auto killed = std::chrono::steady_clock::now();
  const std::string again = fmt::format(
      "SELECT count(*) FROM attempts WHERE number = 2 AND ranks = {}", GetParam().ranks_after());
  while (sweep.running() && number(torn, again) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto dispatched = std::chrono::steady_clock::now();
  RecordProperty("dispatched_again_ms",
                 std::to_string((dispatched - killed) / std::chrono::milliseconds(1)));
  EXPECT_EQ(sweep.wait(), 0) << sweep.output();
  EXPECT_LT(dispatched - killed, std::chrono::seconds(5));  // 0.1 s on a machine at rest.

  const std::string resumed = "resuming at step ";
  const size_t at = sweep.output().find(resumed);
  ASSERT_NE(at, std::string::npos) << sweep.output();
  EXPECT_GE(std::atof(sweep.output().c_str() + at + resumed.size()), reached);
  EXPECT_EQ(number(torn, "SELECT count(*) FROM attempts WHERE cause = 'lost'"), 1)
      << sweep.output();
  expect_same_training(torn, quiet, 1e-4);
}

// A worker dies, and then its replacement: each time a new one takes the place.
TEST_F(UnderUlfm, WorkersThatDieAreStartedAnew) {
  const std::string db = folder_.at("respawn.db");
  Command sweep({kSeqsweep, "launch", "-n", "3", folder_.at("sweep.yaml"), "--db", db, "--respawn",
                 "seeds=[1,2,3,4,5,6,7,8]", "train.epochs=60", "data_dir=" + folder_.at("data")},
                folder_.path() / "respawn.log");
  const auto wait_for = [&](const std::function<bool()>& come) {
    while (sweep.running() && !come()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(sweep.running()) << sweep.output();
  };
  const auto at_work = [&](int rank) {  // On a run that was not lost before: twice would fail it.
    return number(db, fmt::format("SELECT count(*) FROM attempts WHERE worker = {} AND number = 1 "
                                  "AND end_ms IS NULL",
                                  rank)) == 1;
  };
  for (const bool first : {true, false}) {
    wait_for([&] { return at_work(1); });
    const pid_t victim = first ? process_of(db, 1) : replacement_of(db, 1);
    ASSERT_GT(victim, 0) << sweep.output();
    const std::string respawned = "SELECT count(*) FROM events WHERE kind = 'respawned'";
    const double before = number(db, respawned);
    ::kill(victim, SIGKILL);
    wait_for([&] { return number(db, respawned) == before + 1; });
  }
  EXPECT_EQ(sweep.wait(), 0) << sweep.output();
  EXPECT_EQ(number(db, "SELECT count(*) FROM results WHERE status = 'done'"), 8);
  EXPECT_EQ(number(db, "SELECT count(*) FROM attempts WHERE cause = 'lost'"), 2);
  EXPECT_EQ(find_process(db, ""), 0) << "one was left behind";
}

INSTANTIATE_TEST_SUITE_P(Killed, RanksUnderUlfm,
                         testing::Values(Loss{1, 2}, Loss{2, 2}, Loss{1, 3}, Loss{2, 3}),
                         [](const auto& info) {
                           return fmt::format("Rank{}Of{}Workers", info.param.victim,
                                              info.param.workers);
                         });

}  // namespace ranks_test
}  // namespace seqsweep
