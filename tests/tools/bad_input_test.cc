// Every kind of bad input gives one clear message and exit code 2 (a full disk: 3), from the
// program as a user starts it.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include "tests/support/command.h"

namespace seqsweep {
namespace bad_input_test {

using ::testing::HasSubstr;

// A sweep that takes a second: everything else in these tests is a mistake in it.
constexpr const char* kSmall = R"(name: small
datasets: [{name: synthetic, users: 60, items: 40, seed: 1}]
models: [popularity]
optimizers: [adam]
latency: {samples: 0}
)";

class BadInput : public ::testing::Test {
 protected:
  CommandResult sweep(const std::string& yaml, const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {kSeqsweep,
                                        "sweep",
                                        folder_.file("sweep.yaml", yaml),
                                        "--db",
                                        folder_.at("results.db"),
                                        "data_dir=" + folder_.at("data")};
    command.insert(command.end(), more.begin(), more.end());
    return run_command(command);
  }
  void expect_refused(const CommandResult& result, const std::vector<std::string>& words) {
    EXPECT_EQ(result.code, 2) << result.output;
    for (const std::string& word : words) EXPECT_THAT(result.output, HasSubstr(word));
  }
  TestFolder folder_{"bad_input"};
};

TEST_F(BadInput, TheSmallSweepItselfIsFine) {
  const CommandResult result = sweep(kSmall);
  EXPECT_EQ(result.code, 0) << result.output;
}

TEST_F(BadInput, MissingSweepFile) {
  expect_refused(
      run_command({kSeqsweep, "sweep", folder_.at("none.yaml"), "--db", folder_.at("r.db")}),
      {"none.yaml", "No such file"});
}

TEST_F(BadInput, MalformedYaml) {
  expect_refused(sweep("name: [a\nmodels: x"), {"sweep.yaml:", "malformed YAML"});
}

TEST_F(BadInput, UnknownKey) {
  expect_refused(sweep(std::string(kSmall) + "train:\n  epocs: 3\n"),
                 {"sweep.yaml:7:3", "unknown key 'epocs'", "did you mean 'epochs'?"});
}

TEST_F(BadInput, UnknownModel) {
  expect_refused(sweep(kSmall, {"models=[sasrek]"}), {"unknown model 'sasrek'", "sasrec"});
}

TEST_F(BadInput, WrongType) {
  expect_refused(sweep(kSmall, {"train.epochs=many"}), {"train.epochs", "integer", "'many'"});
}

TEST_F(BadInput, NegativeBatch) {
  expect_refused(sweep(kSmall, {"train.batch_size=-4"}), {"batch_size", "at least 1", "'-4'"});
}

TEST_F(BadInput, ABatchScheduleWithoutRoomForOneMicrobatch) {
  const std::string schedule =
      "optimizers=[{name: adam, batch_schedule: {name: linear, max_batch: 1}}]";
  expect_refused(sweep(kSmall, {schedule, "train.batch_size=4"}),
                 {"max_batch is at least train.batch_size, 4"});
}

TEST_F(BadInput, MissingDataSet) {
  expect_refused(sweep(kSmall, {"datasets=[ml-100k]"}), {"ml-100k", "seqsweep data prepare"});
}

TEST_F(BadInput, APlanShowsAllRunsAndWhatTheyMiss) {
  const std::string both = "datasets=[ml-100k, {name: synthetic, users: 60, items: 40, seed: 1}]";
  const CommandResult plan = run_command({kSeqsweep, "plan", folder_.file("sweep.yaml", kSmall),
                                          both, "--data-dir", folder_.at("data")});
  expect_refused(plan, {"ml-100k/", "synthetic/", " ? ", "missing: ml-100k: no raw files",
                        "seqsweep data prepare"});
}

TEST_F(BadInput, EmptyDataSet) {
  const std::string path = folder_.file("empty.txt", "");
  expect_refused(sweep(kSmall, {"datasets=[{name: sequences, path: " + path + "}]"}),
                 {"empty.txt"});
}

TEST_F(BadInput, ANameThatIsAPathIsRefused) {
  for (const char* name : {"../../x", "/tmp/x", "a/b", "..", ".hidden"}) {
    expect_refused(sweep(kSmall, {"name=" + std::string(name)}), {"name", "must be a file name"});
  }
}

TEST_F(BadInput, PathsThatLeaveTheWorkingFolderAreTold) {
  const CommandResult result = sweep(kSmall);  // Its data_dir lies elsewhere.
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("data_dir"));
  EXPECT_THAT(result.output, HasSubstr("leads out of the working folder"));
}

TEST_F(BadInput, KCoreThatLeavesNothing) {
  expect_refused(sweep(kSmall, {"datasets.0.core=1000"}), {"core", "1000"});
}

TEST_F(BadInput, UnwritableDatabase) {
  const std::string file = folder_.file("file", "x");
  expect_refused(run_command({kSeqsweep, "sweep", folder_.file("sweep.yaml", kSmall), "--db",
                              file + "/results.db"}),
                 {"results.db"});
}

TEST_F(BadInput, AnEmptyNameIsNoDatabase) {
  expect_refused(run_command({kSeqsweep, "sweep", folder_.file("sweep.yaml", kSmall), "--db", ""}),
                 {"path is empty"});
  expect_refused(run_command({kSeqsweep, "launch", "-n", "2", folder_.file("sweep.yaml", kSmall)}),
                 {"--db is required"});
}

TEST_F(BadInput, NumbersOnTheCommandLine) {
  const std::string file = folder_.file("sweep.yaml", kSmall);
  for (const char* seed : {"99999999999999999999", "010", "-1", "1.5", "x"}) {
    expect_refused(run_command({kSeqsweep, "train", "synthetic", "popularity", "--seed", seed,
                                "--db", folder_.at("train.db")}),
                   {"--seed", "is not a whole number from 0"});
  }
  const std::vector<std::pair<std::string, std::string>> bad = {{"--simulate", "99999999999"},
                                                                {"--gpus-per-host", "-1"},
                                                                {"--failures-per-hour", "inf"},
                                                                {"--gpu-memory", "nan"}};
  for (const auto& [option, value] : bad) {
    expect_refused(run_command({kSeqsweep, "plan", file, option, value}), {option, "number"});
  }
}

TEST_F(BadInput, ASettingThatAModelRefusesIsToldBeforeAnythingIsTrained) {
  expect_refused(sweep(kSmall, {"models=[popularity, {name: sasrec, heads: 3}]"}),
                 {"sasrec", "heads"});
  EXPECT_THAT(run_command({kSeqsweep, "status", folder_.at("results.db")}).output,
              HasSubstr("no sweep was started yet"));
}

TEST_F(BadInput, APlanOfAModelThatFitsNoMemoryShowsTheOthers) {
  const CommandResult plan =
      run_command({kSeqsweep, "plan", folder_.file("sweep.yaml", kSmall), "--data-dir",
                   folder_.at("data"), "models=[popularity, {name: sasrec, width: 1000000000}]"});
  expect_refused(plan, {"popularity/", "missing: ", "sasrec"});
  EXPECT_THAT(plan.output, testing::Not(HasSubstr("frame #")));
}

TEST_F(BadInput, DatabaseOfANewerSchema) {
  ASSERT_EQ(sweep(kSmall).code, 0);
  ASSERT_EQ(run_command({"sqlite3", folder_.at("results.db"), "PRAGMA user_version = 999"}).code,
            0);
  expect_refused(sweep(kSmall), {"999"});
  expect_refused(run_command({kSeqsweep, "status", folder_.at("results.db")}), {"999"});
}

TEST_F(BadInput, FileThatIsNoDatabase) {
  const std::string path = folder_.file("results.db", "this is no database, not even a little one");
  expect_refused(sweep(kSmall), {"results.db"});
  expect_refused(run_command({kMakeTables, path, "--out", folder_.at("out")}), {"results.db"});
}

TEST_F(BadInput, UnknownCommandAndOption) {
  expect_refused(run_command({kSeqsweep, "swep"}), {"did you mean 'sweep'?"});
  expect_refused(run_command({kSeqsweep, "status", "x.db", "--jsn"}), {"did you mean '--json'?"});
  expect_refused(run_command({kSeqsweep, "sweep", "--fast"}), {"--help"});
}

TEST_F(BadInput, CudaWithoutAGpuSaysSo) {
  if (std::filesystem::exists("/dev/nvidia0")) GTEST_SKIP() << "this machine has a GPU";
  const CommandResult result = sweep(kSmall, {"train.device=cuda"});
  EXPECT_EQ(result.code, 1) << result.output;  // The run fails with its text; the sweep goes on.
  EXPECT_THAT(result.output, HasSubstr("cuda"));
}

TEST_F(BadInput, FullDiskEndsWithCode3AndADatabaseThatOpens) {
  const std::string disk = folder_.at("disk");
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=600k") != 0) {
    GTEST_SKIP() << "cannot mount a small tmpfs here (needs root)";
  }
  const CommandResult result =
      run_command({kSeqsweep, "sweep", folder_.file("sweep.yaml", kSmall), "--db",
                   disk + "/results.db", "data_dir=" + folder_.at("data"),
                   "latency={samples: 200, users: 2000}", "seeds=[1,2,3,4]", "--disk-wait", "1"});
  const CommandResult check =
      run_command({"sqlite3", disk + "/results.db", "PRAGMA integrity_check"});
  ::umount(disk.c_str());
  EXPECT_EQ(result.code, 3) << result.output;
  EXPECT_THAT(result.output, HasSubstr("paused until there is room"));
  EXPECT_EQ(check.output, "ok\n");
}

TEST_F(BadInput, AFullDiskPausesTheSweepUntilThereIsRoom) {
  const std::string disk = folder_.at("disk");
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=600k") != 0) {
    GTEST_SKIP() << "cannot mount a small tmpfs here (needs root)";
  }
  Command sweep(
      {kSeqsweep, "sweep", folder_.file("sweep.yaml", kSmall), "--db", disk + "/results.db",
       "data_dir=" + folder_.at("data"), "latency={samples: 200, users: 2000}", "seeds=[1,2,3,4]"},
      folder_.path() / "log.txt");
  while (sweep.running() && sweep.output().find("paused until there is room") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=200m"), 0);
  EXPECT_EQ(sweep.wait(), 0) << sweep.output();
  EXPECT_THAT(sweep.output(), HasSubstr("there is room on the disk again"));
  const CommandResult done = run_command(
      {"sqlite3", disk + "/results.db", "SELECT count(*) FROM results WHERE status = 'done'"});
  ::umount(disk.c_str());
  EXPECT_EQ(done.output, "4\n");
}

}  // namespace bad_input_test
}  // namespace seqsweep
