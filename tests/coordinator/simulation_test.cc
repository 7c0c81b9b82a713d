// The coordinator among workers that lie, die and hang: a whole sweep on a set clock, from a seed.
// Messages are late, out of order, lost or doubled; the disk fills up; the job is killed and
// started again, with echoes of the job before; in every other sweep the workers share GPUs.
// Whatever happens, every run must end done exactly once.
#include <gtest/gtest.h>

#include <ctime>

#include "core/base/random.h"
#include "tests/coordinator/fake_world.h"

namespace seqsweep {
namespace {

constexpr uint64_t kCases = 8, kSeeds = 1250;  // Of one case; together 10,000.
constexpr double kCpuSeconds = 25;  // Of one case at most: sanitizers and slow machines play fewer.
constexpr int64_t kStepMs = 500;
constexpr int kStartsMax = 60;
constexpr int kStepsMax = 1200;  // Of one start: 10 minutes.

struct Faults {  // Probabilities of a message or a step, and the longest delay.
  double lost, doubled, died, hung, failed, killed, drained, full;
  int64_t delay_ms;
  bool deaths_are_told;  // As an MPI with ULFM does.

  explicit Faults(Rng& rng)
      : lost(rng.uniform() * 0.1),
        doubled(rng.uniform() * 0.1),
        died(rng.uniform() * 0.002),
        hung(rng.uniform() * 0.005),
        failed(rng.uniform() * 0.05),
        killed(rng.uniform() * 0.01),
        drained(rng.uniform() * 0.003),
        full(rng.uniform() * 0.02),
        delay_ms(1 + static_cast<int64_t>(rng.below(3000))),
        deaths_are_told(rng.below(2) == 0) {}
};

struct Letter {
  int from, to;
  Message message;
};

// Delivers letters when their time has come.
class Network {
 public:
  Network(Rng& rng, const Faults& faults, const FakeClock& clock)
      : rng_(rng), faults_(faults), clock_(clock) {}

  void post(Letter letter) {
    if (rng_.uniform() < faults_.doubled) post_one(letter);
    if (rng_.uniform() >= faults_.lost) post_one(std::move(letter));
  }
  // What has arrived for a rank.
  std::vector<Letter> take(int to) {
    std::vector<Letter> letters;
    for (auto next = letters_.begin(); next != letters_.end() && next->first <= clock_.now_ms;) {
      if (next->second.to == to) {
        letters.push_back(std::move(next->second));
        next = letters_.erase(next);
      } else {
        ++next;
      }
    }
    return letters;
  }
  // A new job: what the old workers said may still arrive, what they were told may not.
  void keep_echoes() {
    std::erase_if(letters_, [](const auto& letter) { return letter.second.to != 0; });
  }

 private:
  void post_one(Letter letter) {
    const auto delay_ms = static_cast<int64_t>(rng_.below(uint64_t(faults_.delay_ms)));
    letters_.emplace(clock_.now_ms + delay_ms, std::move(letter));
  }

  Rng& rng_;
  const Faults& faults_;
  const FakeClock& clock_;
  std::multimap<int64_t, Letter> letters_;
};

class CoordinatorsEnd : public Transport {
 public:
  CoordinatorsEnd(Network& network, int workers) : network_(network), workers_(workers) {}
  int rank() const override { return 0; }
  int size() const override { return workers_ + 1; }
  void send(int peer, const Message& message) override { network_.post({0, peer, message}); }
  std::optional<Envelope> receive(int64_t) override {
    if (arrived_.empty()) {
      for (Letter& letter : network_.take(0)) arrived_.push_back(std::move(letter));
    }
    if (arrived_.empty()) return std::nullopt;
    Letter letter = std::move(arrived_.front());
    arrived_.pop_front();
    return Envelope{letter.from, std::move(letter.message)};
  }
  std::vector<int> take_dead() override { return std::exchange(dead, {}); }

  std::vector<int> dead;  // Not yet told.

 private:
  Network& network_;
  int workers_;
  std::deque<Letter> arrived_;
};

// Does what worker/worker.cc does, without training anything.
class FakeWorker {
 public:
  FakeWorker(int rank, Network& network, Rng& rng, const Faults& faults,
             const std::vector<SweepRun>& runs, bool on_gpu)
      : rank_(rank), network_(network), rng_(rng), faults_(faults), runs_(runs), on_gpu_(on_gpu) {
    say(Hello{.host = rank % 2 == 0 ? "even" : "odd",
              .cores = 1,
              .device = on_gpu ? "cuda:0 GPU" : "cpu",
              .environment = "{}",
              .gpu = on_gpu ? "GPU-0" : "",
              .gpu_bytes = 80,
              .host_bytes = 200});
  }

  // Returns the tickets whose results it was told are stored.
  std::vector<Ticket> step(int64_t now_ms) {
    std::vector<Ticket> committed;
    if (!dead_ && rng_.uniform() < faults_.died) dead_ = died_now_ = true;
    if (rng_.uniform() < faults_.hung) hung_until_ms_ = now_ms + int64_t(rng_.below(90'000));
    if (dead_ || now_ms < hung_until_ms_) return committed;
    for (Letter& letter : network_.take(rank_)) hear(letter.message, committed);
    if (job_) work(now_ms);
    if (unacknowledged_ && now_ms >= send_again_ms_) {
      say(*unacknowledged_);
      send_again_ms_ = now_ms + 2000;
    }
    if (!job_ && !dispatches_.empty()) begin(now_ms);
    return committed;
  }

  bool take_death() { return std::exchange(died_now_, false); }
  int rank() const { return rank_; }

 private:
  struct Job {
    Ticket ticket;
    const SweepRun* run;
    int64_t start_ms, end_ms, step = 0;
  };

  void say(Message message) { network_.post({rank_, 0, std::move(message)}); }

  void hear(const Message& message, std::vector<Ticket>& committed) {
    if (const auto* dispatch = std::get_if<Dispatch>(&message)) {
      if (dispatch->members.front() == rank_) dispatches_.push_back(*dispatch);
    } else if (const auto* done = std::get_if<Committed>(&message)) {
      committed.push_back(done->ticket);
      if (unacknowledged_ && unacknowledged_->ticket == done->ticket) unacknowledged_.reset();
    } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
      if (unacknowledged_ && unacknowledged_->ticket == cancel->ticket) unacknowledged_.reset();
      if (job_ && job_->ticket == cancel->ticket) interrupt();
    } else if (std::holds_alternative<Drain>(message) ||
               std::holds_alternative<Shutdown>(message)) {
      if (job_) interrupt();
    }
  }

  void interrupt() {
    say(Interrupted{job_->ticket, job_->step});
    job_.reset();
  }

  void begin(int64_t now_ms) {
    const Ticket ticket = dispatches_.front().ticket;
    dispatches_.pop_front();
    unacknowledged_.reset();
    const auto run = std::find_if(runs_.begin(), runs_.end(), [&](const SweepRun& candidate) {
      return candidate.run_id == ticket.run_id;
    });
    job_ = Job{ticket, &*run, now_ms, now_ms + 2000 + int64_t(rng_.below(20'000))};
  }

  void work(int64_t now_ms) {
    if (rng_.uniform() < faults_.failed * 0.2) {
      say(Failed{job_->ticket, rng_.below(2) ? "memory" : "error", "as the dice fell"});
      job_.reset();
    } else if (now_ms >= job_->end_ms) {
      RunResult result = result_of(*job_->run);
      result.device = on_gpu_ ? "cuda:0 GPU" : "cpu";
      result.peak_memory_bytes = 10 + 15 * double(job_->run->config.seed % 4);
      unacknowledged_ = Finished{job_->ticket, std::move(result)};
      send_again_ms_ = now_ms;
      job_.reset();
    } else {
      const double spent = double(now_ms - job_->start_ms);
      ++job_->step;
      say(Progress{.ticket = job_->ticket,
                   .step = job_->step,
                   .fraction = spent / double(job_->end_ms - job_->start_ms),
                   .seconds_left = double(job_->end_ms - now_ms) / 1000,
                   .phase = "train"});
    }
  }

  int rank_;
  Network& network_;
  Rng& rng_;
  const Faults& faults_;
  const std::vector<SweepRun>& runs_;
  bool on_gpu_;
  bool dead_ = false, died_now_ = false;
  int64_t hung_until_ms_ = 0, send_again_ms_ = 0;
  std::deque<Dispatch> dispatches_;
  std::optional<Job> job_;
  std::optional<Finished> unacknowledged_;
};

// A database without a sweep: to make its tables takes as long as to play half a sweep.
class EmptyDatabase {
 public:
  EmptyDatabase() { Database::open_for_writing(path()); }
  std::filesystem::path path() const { return folder_ / "empty.db"; }

 private:
  TemporaryFolder folder_;
};

class Simulation {
 public:
  Simulation(uint64_t seed, const EmptyDatabase& empty)
      : rng_(seed), faults_(rng_), network_(rng_, faults_, clock_) {
    std::filesystem::copy_file(empty.path(), folder_ / "sweep.db");
    runs_ = seeds_of_a_run(1 + static_cast<int64_t>(rng_.below(6)));
    for (SweepRun& run : runs_) {
      run.config.train.ranks = 1 + static_cast<int64_t>(rng_.below(2));
      run.run_id = config_hash(run.config.json());
    }
    for (size_t i = 1; i < runs_.size(); ++i) {  // Some need runs before them.
      for (size_t needed = 0; needed < i; ++needed) {
        if (rng_.uniform() < 0.2) let_need(runs_[i], runs_[needed]);
      }
    }
  }

  void run() {
    for (int start = 0; start < kStartsMax; ++start) {
      if (run_once()) return check_everything_is_done_once();
      network_.keep_echoes();
      if (::testing::Test::HasFailure()) return;
    }
    FAIL() << "the sweep did not end in " << kStartsMax << " starts";
  }

 private:
  // One mpirun, to its end or its death. True when nothing is left to do.
  bool run_once() {
    RunStore store(folder_ / "sweep.db", 0, clock_);
    // No power fails here, and no other program reads.
    store.database().run_script(
        "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY");
    full_ = false;
    add_sweep(store, runs_);
    store.retry_failed();
    const int workers = 2 + static_cast<int>(rng_.below(4));
    const bool on_gpus = rng_.below(2) == 0;
    CoordinatorsEnd transport(network_, workers);
    ProgressView view(80);
    Coordinator coordinator({.sweep = "sweep",
                             .database = folder_ / "sweep.db",
                             .lease_s = 30,
                             .ranks_per_gpu = 1 + static_cast<int64_t>(rng_.below(3)),
                             .drain_grace_s = 20,
                             .disk_full_wait_s = 60},
                            runs_, store, transport, clock_, view);
    std::vector<FakeWorker> fakes;
    for (int rank = 1; rank <= workers; ++rank) {
      fakes.emplace_back(rank, network_, rng_, faults_, runs_, on_gpus);
    }
    for (int step = 0; step < kStepsMax && !coordinator.ended(); ++step) {
      clock_.now_ms += kStepMs;
      for (FakeWorker& fake : fakes) {
        for (const Ticket& ticket : fake.step(clock_.now_ms)) check_is_stored(store, ticket);
        if (fake.take_death() && faults_.deaths_are_told) transport.dead.push_back(fake.rank());
      }
      if (rng_.uniform() < faults_.killed) return false;
      if (rng_.uniform() < faults_.drained) coordinator.drain("the dice");
      if (rng_.uniform() < faults_.full) fill_disk(store);
      if (rng_.uniform() < 0.3) make_room(store);
      try {
        coordinator.tick(0);
        check_needs_are_done(store);
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code(), kExitWorldFailed) << error.what();
        return false;
      }
    }
    return coordinator.ended() && coordinator.exit_code() == kExitDone;
  }

  // No page more than there are now.
  void fill_disk(RunStore& store) {
    store.database().run_script("PRAGMA max_page_count = 1");
    full_ = true;
  }
  void make_room(RunStore& store) {
    if (std::exchange(full_, false)) {
      store.database().run_script("PRAGMA max_page_count = 1000000");
    }
  }

  void check_is_stored(RunStore& store, const Ticket& ticket) {
    Database& database = store.database();
    bool stored = false;
    for (const AttemptRow& attempt : read_attempts(database, ticket.run_id)) {
      stored |= attempt.number == ticket.attempt && attempt.cause == "done";
    }
    EXPECT_TRUE(stored) << "acknowledged, but not stored: " << ticket.run_id;
  }

  void check_needs_are_done(RunStore& store) {
    Query early(store.database(),
                "SELECT count(*) FROM runs AS r JOIN dependencies ON run = r.run_id "
                "JOIN runs AS n ON n.run_id = needs_run "
                "WHERE r.status = 'running' AND n.status != 'done'");
    early.next();
    EXPECT_EQ(early.integer(0), 0) << "runs started before those that they need were done";
  }

  void check_everything_is_done_once() {
    RunStore store(folder_ / "sweep.db", 0, clock_);
    Database& database = store.database();
    EXPECT_EQ(count_runs(database, "sweep").done, static_cast<int64_t>(runs_.size()));
    for (const SweepRun& run : runs_) {
      int64_t done = 0;
      for (const AttemptRow& attempt : read_attempts(database, run.run_id)) {
        done += attempt.cause == "done" ? 1 : 0;
        EXPECT_TRUE(attempt.end_ms) << run.label << ": an attempt without an end";
      }
      EXPECT_EQ(done, 1) << run.label;
      EXPECT_EQ(read_user_ranks(database, run.run_id), result_of(run).user_ranks) << run.label;
    }
    EXPECT_TRUE(read_leases(database).empty());
  }

  Rng rng_;
  const Faults faults_;
  FakeClock clock_;
  Network network_;
  TemporaryFolder folder_;
  std::vector<SweepRun> runs_;
  bool full_ = false;
};

class SimulationTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override { set_log_level(LogLevel::Error); }
  void TearDown() override { set_log_level(LogLevel::Info); }
};

TEST_P(SimulationTest, EveryRunEndsDoneExactlyOnce) {
  const std::clock_t start = std::clock();
  const EmptyDatabase empty;
  uint64_t seed = GetParam();
  for (; seed < GetParam() + kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Simulation(seed, empty).run();
    if (double(std::clock() - start) / CLOCKS_PER_SEC > kCpuSeconds) break;
  }
  RecordProperty("seeds", std::to_string(seed - GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulationTest,
                         ::testing::Range<uint64_t>(0, kCases* kSeeds, kSeeds));

}  // namespace
}  // namespace seqsweep
