// A worker and its trainers under a real coordinator: whatever a run does, it costs an attempt.
#include "worker/trainer_relay.h"

#include <gmock/gmock.h>

#include <fstream>

#include "coordinator/coordinator.h"
#include "core/base/text.h"
#include "tests/worker/worker_fixture.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// A sweep of tiny runs on one worker.
class TinySweep {
 public:
  explicit TinySweep(const std::filesystem::path& folder) : folder_(folder) {}

  // A seed of its own makes it a run of its own.
  std::string add(const std::string& fault, bool once = true, int64_t fault_after = 0) {
    RunConfig config = tiny_config();
    config.seed = std::ssize(runs_) + 1;
    config.train.epochs = 4;
    config.objective["fault"] = fault;
    config.objective["fault_after"] = fault_after;
    if (once) config.objective["fault_file"] = (folder_ / fmt::format("{}", config.seed)).string();
    const std::string id = config_hash(config.json());
    SweepRun& run = runs_.emplace_back();
    run.run_id = id;
    run.label = fault;
    run.config = config;
    return id;
  }

  int run(ForkServer* trainers, double lease_s = 60) {
    RunStore store(folder_ / "sweep.db");
    std::vector<PlannedRun> planned;
    for (const SweepRun& run : runs_) planned.push_back({run.run_id, run.config.json(), {}});
    store.add_sweep("sweep", "name: sweep", planned);
    auto [coordinators_end, workers_end] = make_local_transport();
    ProgressView view(80);
    Coordinator coordinator({.sweep = "sweep",
                             .database = folder_ / "sweep.db",
                             .runs_folder = folder_ / "runs",
                             .lease_s = lease_s,
                             .retry = {.retries_max = 2, .delay_s = 0}},
                            runs_, store, *coordinators_end, system_clock(), view);
    std::thread worker([&] {
      run_worker(*workers_end, [](const Dispatch&) { return make_local_group(); },
                 {.threads = 1,
                  .lease_s = lease_s,
                  .trainers = trainers,
                  .stop_requested = [] { return false; },
                  .orphaned = [] { return false; }});
    });
    const int code = coordinator.run();
    worker.join();
    return code;
  }

  // "crash: text", an attempt each.
  std::vector<std::string> attempts(const std::string& run_id) {
    Database database = Database::open_for_reading(folder_ / "sweep.db");
    std::vector<std::string> causes;
    for (const AttemptRow& attempt : read_attempts(database, run_id)) {
      causes.push_back(attempt.cause + ": " + attempt.text);
    }
    return causes;
  }
  // Of a query of one column.
  std::vector<std::string> rows(const std::string& sql) {
    Database database = Database::open_for_reading(folder_ / "sweep.db");
    std::vector<std::string> texts;
    Query query(database, sql);
    while (query.next()) texts.push_back(query.text(0));
    return texts;
  }

 private:
  std::filesystem::path folder_;
  std::vector<SweepRun> runs_;
};

class Trainers : public testing::Test {
 protected:
  Trainers() { std::filesystem::create_directories(scratch_.path()); }
  TemporaryFolder scratch_;
  TinySweep sweep_{scratch_.path()};
  ForkServer* const forks_ = TrainersForTests::forks.get();
};

struct FaultCase {
  std::string fault, cause, text;
};

TEST_F(Trainers, EveryFaultCostsAnAttemptAndIsNamedRight) {
  const std::vector<FaultCase> faults = {
      {"segv", "crash", "the trainer died by signal 11 (SIGSEGV"},
      {"abort", "crash", "the trainer died by signal 6 (SIGABRT"},
      {"exit 0", "crash", "the trainer ended with exit code 0; "},
      {"exit 1", "crash", "the trainer ended with exit code 1; "},
      {"kill", "crash", "the trainer died by signal 9 (SIGKILL); "},
      {"memory", "memory", "out of memory"},
      {"huge", "memory", ""},
      {"hang", "lost", "no progress for"},
      {"stop", "lost", "no progress for"},
      {"torch", "error", "shape"},
      {"input", "input", "the tiny run was told to fail"},
      {"nan", "nan", "not finite"}};
  std::map<std::string, std::string> ids;
  for (const FaultCase& one : faults) ids[one.fault] = sweep_.add(one.fault, true, 12);
  const std::string last = sweep_.add("");
  EXPECT_EQ(sweep_.run(forks_, /*lease_s=*/3), kExitSomeRunsFailed);
  for (const FaultCase& one : faults) {
    const std::vector<std::string> attempts = sweep_.attempts(ids[one.fault]);
    ASSERT_FALSE(attempts.empty()) << one.fault;
    EXPECT_THAT(attempts[0], HasSubstr(one.cause + ": ")) << one.fault;
    EXPECT_THAT(attempts[0], HasSubstr(one.text)) << one.fault;
    const bool its_own = one.cause == "error" || one.cause == "input" || one.cause == "nan";
    ASSERT_EQ(attempts.size(), its_own ? 1U : 2U) << one.fault;
    if (!its_own) {
      EXPECT_EQ(attempts[1], "done: ") << one.fault;
    }
  }
  EXPECT_THAT(sweep_.attempts(last), testing::ElementsAre("done: "));
  EXPECT_THAT(sweep_.rows("SELECT kind FROM events"), Contains("stack"));  // Of the one that hung.
}

TEST_F(Trainers, ARunThatCrashesTwiceIsQuarantinedAndTheNextOneGoesOn) {
  const std::string broken = sweep_.add("segv", /*once=*/false), good = sweep_.add("");
  EXPECT_EQ(sweep_.run(forks_), kExitSomeRunsFailed);
  EXPECT_EQ(sweep_.attempts(broken).size(), 2U);
  EXPECT_THAT(sweep_.attempts(good), testing::ElementsAre("done: "));
  EXPECT_THAT(sweep_.rows("SELECT kind FROM events"), testing::ElementsAre("retry", "quarantined"));
  EXPECT_THAT(sweep_.rows("SELECT error FROM results WHERE status = 'failed'")[0],
              HasSubstr("(SIGSEGV"));
}

// Killed within the third epoch, it goes on from the end of the second or, where the disk was so
// slow that only the first one's was saved, of the first; in one process nothing happened.
TEST_F(Trainers, AKilledRunComesToWhatAnUndisturbedOneInOneProcessDoes) {
  const std::string run = sweep_.add("kill", true, 12);
  EXPECT_EQ(sweep_.run(forks_), kExitDone);
  EXPECT_EQ(sweep_.attempts(run).size(), 2U);
  EXPECT_THAT(sweep_.rows("SELECT resumed_from_step FROM attempts WHERE number = 2"),
              testing::ElementsAre(testing::AnyOf("5", "10")));
  const std::vector<std::string> figures = {
      "SELECT printf('%d %s %s %!.17g', epoch, split, name, value) FROM metrics ORDER BY 1",
      "SELECT printf('%d %!.17g %d', step, loss, batch_size) FROM steps ORDER BY step",
      "SELECT hex(ranks) FROM user_ranks", "SELECT sha256 FROM artifacts ORDER BY kind"};
  std::vector<std::vector<std::string>> torn;
  for (const std::string& sql : figures) torn.push_back(sweep_.rows(sql));
  for (const char* part : {"sweep.db", "sweep.db-wal", "sweep.db-shm", "runs"}) {
    std::filesystem::remove_all(scratch_.path() / part);
  }
  EXPECT_EQ(sweep_.run(nullptr), kExitDone);  // The mark of the fault is there: it has none.
  EXPECT_EQ(sweep_.attempts(run).size(), 1U);
  for (size_t i = 0; i < figures.size(); ++i) {
    EXPECT_EQ(sweep_.rows(figures[i]), torn[i]) << figures[i];
  }
  EXPECT_EQ(torn[1].size(), 20U);
}

struct ProcessStat {
  std::string name;
  pid_t parent = 0;
};

// Nothing: there is no such process.
std::optional<ProcessStat> stat_of(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  const std::string text(std::istreambuf_iterator<char>(file), {});  // "17 (a name) S 16 ..."
  const size_t name = text.find('('), name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  return ProcessStat{text.substr(name + 1, name_end - name - 1),
                     std::stoi(split(text.substr(name_end), ' ')[2])};
}

// Of the trainers of this name that a server of the tests has forked, the one that lives; 0: none.
pid_t living_trainer(const std::string& name = "worker-trainer") {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto process = stat_of(std::atoi(entry.path().filename().c_str()));
    if (!process || process->name != name) continue;
    const auto server = stat_of(process->parent);
    if (server && server->parent == ::getpid()) return std::stoi(entry.path().filename());
  }
  return 0;
}

class RelayTest : public WorkerTest {};

// What an out-of-memory killer may do.
TEST_F(RelayTest, WithoutAForkServerRunsTrainInTheWorker) {
  settings_.trainers = TrainersForTests::doomed.get();
  start();
  const Ticket first = dispatch(tiny_config(), 1);
  ASSERT_TRUE(next<Finished>());
  coordinator_->send(1, Committed{first});
  const pid_t trainer = living_trainer("doomed-trainer");
  ASSERT_GT(trainer, 0);
  ::kill(stat_of(trainer).value().parent, SIGKILL);
  for (int i = 0; i < 1000 && stat_of(trainer); ++i) ::usleep(10'000);
  const Ticket second = dispatch(tiny_config(), 2);
  std::optional<Finished> finished;
  while ((finished = next<Finished>()) && finished->ticket != second) {
  }
  EXPECT_TRUE(finished);
}

TEST_F(RelayTest, ATrainerThatDiesBetweenTwoRunsCostsNone) {
  train(Trains::Apart);
  start();
  const Ticket first = dispatch(tiny_config(), 1);
  ASSERT_TRUE(next<Finished>());
  coordinator_->send(1, Committed{first});
  const pid_t trainer = living_trainer();
  ASSERT_GT(trainer, 0);
  ::kill(trainer, SIGKILL);
  const Ticket second = dispatch(tiny_config(), 2);
  std::optional<Finished> finished;
  while ((finished = next<Finished>()) && finished->ticket != second) {
  }
  ASSERT_TRUE(finished);
  EXPECT_NE(living_trainer(), trainer);
}

// A control group of its own, of version 1 or 2, with so much memory; gone where none can be made.
class SmallGroup {
 public:
  explicit SmallGroup(int64_t bytes) {
    for (const auto& [mounted, limit] :
         {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
          std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      folder_ = std::filesystem::path(mounted) / fmt::format("seqsweep_test_{}", ::getpid());
      back_ = std::filesystem::path(mounted) / "cgroup.procs";
      std::error_code error;
      std::filesystem::create_directory(folder_, error);
      if (error || !std::filesystem::exists(folder_ / limit)) continue;
      made_ = write(folder_ / limit, std::to_string(bytes)) &&
              write(folder_ / "cgroup.procs", std::to_string(::getpid()));
      if (made_) return;
    }
  }
  ~SmallGroup() {
    if (made_) write(back_, std::to_string(::getpid()));
    for (int i = 0; i < 100 && ::rmdir(folder_.c_str()) != 0 && errno == EBUSY; ++i)
      ::usleep(10'000);
  }
  bool made() const { return made_; }

 private:
  static bool write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file);
    stream << text << std::flush;
    return stream.good();
  }
  std::filesystem::path folder_, back_;
  bool made_ = false;
};

TEST_F(Trainers, WhatTheKernelKilledForMemoryIsKnownForThat) {
  const SmallGroup group(300 << 20);
  if (!group.made()) GTEST_SKIP() << "no control group of memory can be made here";
  const std::string run = sweep_.add("devour", true, 7);
  ForkServer forks("worker-trainer", run_trainer);  // In the group.
  EXPECT_EQ(sweep_.run(&forks), kExitDone);
  const std::vector<std::string> attempts = sweep_.attempts(run);
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_THAT(attempts[0], HasSubstr("memory: the trainer died by signal 9 (SIGKILL); "));
  EXPECT_THAT(attempts[0], HasSubstr("out-of-memory killer ended 1 process"));
}

}  // namespace
}  // namespace seqsweep
