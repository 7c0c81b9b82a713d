// The promises of the database when things die or fill up: no acknowledged result is lost, none is
// stored twice, and the file opens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include "core/base/random.h"
#include "db/queries.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

std::vector<std::string> numbered_runs(int64_t count) {
  std::vector<std::string> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(fmt::format("run{:03}", i));
  return ids;
}

std::string integrity(Database& database) {
  Query check(database, "PRAGMA integrity_check");
  return check.next() ? check.text(0) : "no answer";
}

// A coordinator that finishes what is pending and tells each acknowledged run through the pipe.
[[noreturn]] void coordinate(const std::filesystem::path& path, int acknowledged) {
  RunStore store(path, 5);
  store.add_sweep("grid", "name: grid", planned(numbered_runs(200)));
  for (const std::string& run_id : store.queue("grid")) {
    const Ticket ticket = store.start_attempt(run_id, kPlace);
    for (int64_t step = 1; step <= 5; ++step) {
      store.store_progress(std::vector{progress(ticket, step)});
    }
    if (!store.finish(ticket, result(0.5))) _exit(1);
    store.sync();
    if (write(acknowledged, run_id.data(), run_id.size()) < 0) _exit(1);
  }
  _exit(0);
}

// What the child wrote before it was killed.
std::set<std::string> read_ids(int descriptor) {
  std::set<std::string> ids;
  char id[6];
  while (read(descriptor, id, sizeof(id)) == sizeof(id)) ids.insert(std::string(id, sizeof(id)));
  return ids;
}

TEST(RunStoreFaults, NothingAcknowledgedIsLostWhenTheCoordinatorIsKilled) {
  const TemporaryFolder folder;
  const auto path = folder / "results.db";
  std::set<std::string> acknowledged;
  Rng rng(1);
  for (int kill_number = 0; kill_number < 20; ++kill_number) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) coordinate(path, ends[1]);
    close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(40000)));
    kill(child, SIGKILL);
    acknowledged.merge(read_ids(ends[0]));
    close(ends[0]);
    waitpid(child, nullptr, 0);
  }
  RunStore store(path, 5);
  EXPECT_EQ(integrity(store.database()), "ok");
  std::set<std::string> done;
  for (const ResultRow& row : read_results(store.database())) {
    EXPECT_NE(row.status, "running");
    if (row.status != "done") continue;
    done.insert(row.run_id);
    EXPECT_EQ(row.ndcg_10, 0.5);
    EXPECT_EQ(read_steps(store.database(), row.run_id).size(), 5U);
    EXPECT_EQ(read_user_ranks(store.database(), row.run_id), result(0.5).user_ranks);
  }
  EXPECT_TRUE(std::ranges::includes(done, acknowledged));
  // A kill between commit and acknowledgement may add one run each time.
  EXPECT_LE(done.size(), acknowledged.size() + 20);
}

// Finishes runs until there is no room; returns the one that did not fit.
Ticket fill(RunStore& store) {
  RunResult large = result(0.5);
  large.user_ranks.assign(20000, 3);
  for (const std::string& run_id : store.queue("grid")) {
    const Ticket ticket = store.start_attempt(run_id, kPlace);
    try {
      EXPECT_TRUE(store.finish(ticket, large));
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::DiskFull) << error.what();
      EXPECT_EQ(error.exit_code(), kExitWorldFailed);
      EXPECT_THAT(error.what(), testing::HasSubstr("results.db"));
      EXPECT_THAT(error.what(), testing::HasSubstr("free"));
      return ticket;
    }
  }
  ADD_FAILURE() << "the disk did not fill";
  return {};
}

TEST(RunStoreFaults, AFullDatabaseTakesTheSameResultWhenThereIsRoom) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db", 0);
  store.add_sweep("grid", "name: grid", planned(numbered_runs(50)));
  store.database().run_script("PRAGMA max_page_count = 200");
  const Ticket ticket = fill(store);
  const int64_t done = count_runs(store.database()).done;
  EXPECT_EQ(count_runs(store.database()).running, 1);
  EXPECT_TRUE(read_metrics(store.database(), ticket.run_id).empty());
  store.database().run_script("PRAGMA max_page_count = 100000");
  EXPECT_TRUE(store.finish(ticket, result(0.5)));
  EXPECT_EQ(count_runs(store.database()).done, done + 1);
}

TEST(RunStoreFaults, ADiskThatFillsLeavesADatabaseThatOpensAndGoesOn) {
  const TemporaryFolder folder;
  const auto disk = folder / "disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "mounting a small disk needs root";
  }
  const auto ballast = disk / "ballast";
  std::ofstream(ballast) << std::string(300000, 'x');
  {
    RunStore store(disk / "results.db", 0);
    store.add_sweep("grid", "name: grid", planned(numbered_runs(50)));
    fill(store);
  }
  {  // The disk is still full.
    Database reader = Database::open_for_reading(disk / "results.db");
    EXPECT_EQ(integrity(reader), "ok");
    EXPECT_GT(count_runs(reader).done, 1);
  }
  std::filesystem::remove(ballast);
  {
    RunStore store(disk / "results.db", 0);
    const std::string next = store.queue("grid").at(0);
    EXPECT_TRUE(store.finish(store.start_attempt(next, kPlace), result(0.5)));
  }
  EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0);
}

TEST(RunStoreFaults, AReaderInALongTransactionNeverFailsTheCoordinator) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db", 0);
  store.add_sweep("grid", "name: grid", planned(numbered_runs(20)));
  Database reader = Database::open_for_reading(folder / "results.db");
  reader.run_script("BEGIN");
  EXPECT_EQ(count_runs(reader).pending, 20);
  for (const std::string& run_id : store.queue("grid")) {
    EXPECT_TRUE(store.finish(store.start_attempt(run_id, kPlace), result(0.5)));
  }
  EXPECT_EQ(count_runs(reader).pending, 20);
  reader.run_script("COMMIT");
  EXPECT_EQ(count_runs(reader).done, 20);
}

}  // namespace
}  // namespace seqsweep
