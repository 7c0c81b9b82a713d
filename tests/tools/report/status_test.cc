#include "tools/report/status.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Four runs of a sweep, and a clock at 1,000 s.
class StatusTest : public ::testing::Test {
 protected:
  StatusTest() {
    std::vector<PlannedRun> runs;
    for (int64_t seed = 1; seed <= 4; ++seed) {
      runs.push_back(planned_run("run" + std::to_string(seed), run_config("toy", "net", seed)));
    }
    store_.add_sweep("quick", "name: quick", runs);
  }

  Status status() { return read_status(store_.database(), clock_.now_ms); }
  std::string text() { return status_text(status()); }

  TemporaryFolder folder_;
  SetClock clock_;
  RunStore store_{folder_ / "results.db", 5, clock_};
};

TEST_F(StatusTest, BeforeTheFirstRun) {
  EXPECT_EQ(text(), "quick: 0 of 4 runs done, 0 running, 0 failed, 4 left\n");
  EXPECT_FALSE(status().sweeps[0].seconds_left);
}

TEST_F(StatusTest, RunningRunsShowTheirProgress) {
  const Ticket ticket = store_.start_attempt("run1", kPlace);
  EXPECT_THAT(text(), HasSubstr("running:\n  run1  net on toy, adam, seed 1: starting\n"));
  const Progress progress{.ticket = ticket,
                          .step = 120,
                          .epoch = 2,
                          .epochs = 20,
                          .fraction = 0.1,
                          .seconds_left = 90,
                          .phase = "train"};
  store_.store_progress({&progress, 1});
  clock_.now_ms += 3000;
  EXPECT_EQ(text(),
            "quick: 0 of 4 runs done, 1 running, 0 failed, 3 left\n"
            "running:\n"
            "  run1  net on toy, adam, seed 1: train, epoch 2/20, step 120, 10 %, "
            "1 min 30 s to go (heard 3 s ago)\n");
}

TEST_F(StatusTest, TimeToGoFollowsWhatDoneRunsTook) {
  const Ticket first = store_.start_attempt("run1", kPlace);
  clock_.now_ms += 60'000;
  ASSERT_TRUE(store_.finish(first, result_of(0.1, 1)));
  const Ticket second = store_.start_attempt("run2", kPlace);
  EXPECT_EQ(status().sweeps[0].seconds_left, 180) << "three runs of 60 s, one at a time";
  const Progress progress{.ticket = second, .seconds_left = 20, .phase = "train"};
  store_.store_progress({&progress, 1});
  EXPECT_EQ(status().sweeps[0].seconds_left, 140);
  store_.start_attempt("run3", kPlace);
  EXPECT_EQ(status().sweeps[0].seconds_left, 70) << "two at a time";
}

TEST_F(StatusTest, FailuresAreNamedAndHarmless) {
  fail(store_, "run2", "bad\nvalue \x1b[31m");
  EXPECT_THAT(text(), HasSubstr("1 failed, 3 left\nfailed:\n"
                                "  run2  net on toy, adam, seed 2, attempt 1: "
                                "bad\\nvalue \\x1b[31m\n"));
}

TEST_F(StatusTest, CancelledRunsAreCounted) {
  ASSERT_TRUE(store_.cancel("run3"));
  EXPECT_THAT(text(), HasSubstr("3 left, 1 cancelled\n"));
}

TEST_F(StatusTest, RunsThatWaitForOthersSayForWhich) {
  std::vector<PlannedRun> runs = {planned_run("run5", run_config("toy", "ranker", 1))};
  runs[0].needs = {"run1", "run2"};
  store_.add_sweep("ranked", "name: ranked", runs);
  EXPECT_THAT(text(),
              HasSubstr("waiting for other runs:\n"
                        "  run5  ranker on toy, adam, seed 1: waits for runs run1, run2\n"));
  finish(store_, "run1", result_of(0.1, 1));
  EXPECT_THAT(text(), HasSubstr("waits for run run2\n"));
  const Json json = status_json(status());
  EXPECT_EQ(json["sweeps"][1]["waiting"][0]["waits_for"], Json({"run2"}));
}

TEST_F(StatusTest, WorkersThatWaitForAPlaceOnAGpuAreExplained) {
  store_.add_event("ranks_per_gpu", "3 of a GPU of host7; the others wait");
  EXPECT_THAT(text(), HasSubstr("4 left\n3 of a GPU of host7; the others wait\n"));
  EXPECT_EQ(status_json(status())["crowd"], "3 of a GPU of host7; the others wait");
  for (const char* run : {"run1", "run2", "run3", "run4"}) finish(store_, run, result_of(0.1, 1));
  EXPECT_THAT(text(), Not(HasSubstr("others wait"))) << "nothing is left";
}

TEST_F(StatusTest, CancelledRunsAreListedWhereAskedFor) {
  ASSERT_TRUE(store_.cancel("run3"));
  const Status all = read_status(store_.database(), clock_.now_ms, /*all_runs=*/true);
  EXPECT_THAT(status_text(all), HasSubstr("cancelled:\n  run3  net on toy"));
  EXPECT_EQ(status_json(all)["sweeps"][0]["runs"]["cancelled"][0]["run_id"], "run3");
  EXPECT_EQ(status_json(all)["sweeps"][0]["runs"]["left"].size(), 3U);
  EXPECT_FALSE(status_json(status())["sweeps"][0].contains("runs"));
}

TEST_F(StatusTest, AllRunsAreListedWhereAskedFor) {
  finish(store_, "run1", result_of(0.1, 1));
  std::vector<PlannedRun> runs = {planned_run("run5", run_config("toy", "ranker", 1))};
  runs[0].needs = {"run2"};
  store_.add_sweep("ranked", "name: ranked", runs);
  const std::string all = status_text(read_status(store_.database(), clock_.now_ms, true));
  EXPECT_THAT(all, HasSubstr("done:\n  run1  net on toy, adam, seed 1\n"));
  EXPECT_THAT(all, HasSubstr("left:\n  run2  net on toy, adam, seed 2\n"));
  EXPECT_EQ(all.find("run5"), all.rfind("run5")) << "it waits for a run, not for a worker";
  EXPECT_THAT(text(), Not(HasSubstr("done:\n")));
  EXPECT_THAT(text(), Not(HasSubstr("left:\n")));
}

TEST_F(StatusTest, JsonSaysTheSame) {
  finish(store_, "run1", result_of(0.1, 1));
  fail(store_, "run2", "out of memory");
  store_.start_attempt("run3", kPlace);
  const Json json = status_json(status());
  EXPECT_EQ(json["coordinator_alive"], true);
  const Json& sweep = json["sweeps"][0];
  EXPECT_EQ(sweep["name"], "quick");
  EXPECT_EQ(sweep["total"], 4);
  EXPECT_EQ(sweep["done"], 1);
  EXPECT_EQ(sweep["left"], 1);
  EXPECT_EQ(sweep["running"][0]["run_id"], "run3");
  EXPECT_EQ(sweep["failed"][0]["error"], "out of memory");
  EXPECT_EQ(sweep["failed"][0]["seed"], 2);
}

TEST(StatusWithoutCoordinator, SaysHowToGoOn) {
  const TemporaryFolder folder;
  {
    RunStore store(folder / "results.db");
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("run1", run_config("toy", "net", 1))});
  }
  Database database = Database::open_for_reading(folder / "results.db");
  const Status status = read_status(database, 0);
  EXPECT_FALSE(status.coordinator_alive);
  EXPECT_THAT(status_text(status), HasSubstr("Nobody is working on it"));
}

TEST(StatusWithoutCoordinator, SaysSoWhenItWasKilled) {
  const TemporaryFolder folder;
  int64_t now_ms = 0;
  {
    SetClock clock;
    RunStore store(folder / "results.db", 5, clock);
    now_ms = clock.now_ms;
    store.add_sweep("quick", "name: quick",
                    std::vector{planned_run("run1", run_config("toy", "net", 1))});
    const Ticket ticket = store.start_attempt("run1", kPlace);
    store.store_progress(
        std::vector{Progress{.ticket = ticket, .seconds_left = 90, .phase = "train"}});
    store.sync();
    std::filesystem::copy_file(folder / "results.db", folder / "killed.db");
    std::filesystem::copy_file(folder / "results.db-wal", folder / "killed.db-wal");
  }
  Database database = Database::open_for_reading(folder / "killed.db");
  const Status status = read_status(database, now_ms);
  EXPECT_FALSE(status.coordinator_alive);
  EXPECT_FALSE(status.sweeps[0].seconds_left);
  EXPECT_THAT(status_text(status), HasSubstr("running when the coordinator died:\n  run1"));
  EXPECT_THAT(status_text(status), HasSubstr("Nobody is working on it"));
}

TEST(StatusWithoutSweep, SaysSo) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  EXPECT_EQ(status_text(read_status(store.database(), 0)), "no sweep was started yet\n");
  EXPECT_THAT(status_text(read_status(store.database(), 0)), Not(HasSubstr("Nobody")));
}

}  // namespace
}  // namespace seqsweep
