// A sweep without processes: a clock that is set, a transport that is written to, a database in a
// temporary folder.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/coordinator.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {

class FakeClock : public Clock {
 public:
  int64_t monotonic_ms() const override { return now_ms; }
  int64_t unix_ms() const override { return 1'700'000'000'000 + now_ms; }
  int64_t now_ms = 1000;
};

// The coordinator's end. Tests put what workers say into `incoming` and find what they were told in
// `sent`.
class FakeTransport : public Transport {
 public:
  explicit FakeTransport(int workers) : workers_(workers) {}
  int rank() const override { return 0; }
  int size() const override { return workers_ + 1; }
  void send(int peer, const Message& message) override { sent.push_back({peer, message}); }
  std::optional<Envelope> receive(int64_t) override {
    if (incoming.empty()) return std::nullopt;
    Envelope envelope = std::move(incoming.front());
    incoming.pop_front();
    return envelope;
  }

  std::vector<int> take_dead() override { return std::exchange(dead, {}); }
  void replace(int peer, const std::string& host,
               const std::vector<std::string>& command) override {
    if (refuses) throw_world("no such host");
    replaced.push_back(fmt::format("{} on {}: {}", peer, host, command.front()));
  }

  // The messages of one kind that a worker was sent, which are forgotten then.
  template <typename T>
  std::vector<T> take(int peer) {
    std::vector<T> messages;
    std::erase_if(sent, [&](const Envelope& envelope) {
      const T* message = std::get_if<T>(&envelope.message);
      if (envelope.peer != peer || !message) return false;
      messages.push_back(*message);
      return true;
    });
    return messages;
  }

  std::deque<Envelope> incoming;
  std::vector<Envelope> sent;
  std::vector<int> dead;  // Ranks whose death nobody was told yet.
  bool refuses = false;   // To replace one.
  std::vector<std::string> replaced;

 private:
  int workers_;
};

// `count` runs that differ in their seeds, each on `ranks` workers.
inline std::vector<SweepRun> seeds_of_a_run(int64_t count, int64_t ranks = 1) {
  std::vector<SweepRun> runs;
  for (int64_t seed = 1; seed <= count; ++seed) {
    SweepRun run;
    run.label = fmt::format("films/deep/climb/seed {}", seed);
    run.config.dataset = run.config.model = run.config.objective =
        run.config.optimizer = {{"name", "fake"}};
    run.config.seed = seed;
    run.config.train.ranks = ranks;
    run.run_id = config_hash(run.config.json());
    runs.push_back(std::move(run));
  }
  return runs;
}

// The run needs the trained model of another one.
inline void let_need(SweepRun& run, const SweepRun& needed) {
  run.needs.push_back(needed.run_id);
  run.config.needs[fmt::format("role{}", run.needs.size())] = needed.config.json();
  run.run_id = config_hash(run.config.json());
}

inline void add_sweep(RunStore& store, const std::vector<SweepRun>& runs) {
  std::vector<PlannedRun> planned;
  for (const SweepRun& run : runs) planned.push_back({run.run_id, run.config.json(), run.needs});
  store.add_sweep("sweep", "name: sweep", planned);
}

// What a run comes to depends on the run alone, so that a result counted twice or mixed up shows.
inline RunResult result_of(const SweepRun& run) {
  RunResult result{.epochs = 2, .best_epoch = 2, .steps = 20};
  result.metrics = {{2, "test", "ndcg@10", double(run.config.seed) / 1024}};
  result.user_ranks = {int32_t(run.config.seed)};
  result.device = "fake";
  return result;
}

}  // namespace seqsweep
