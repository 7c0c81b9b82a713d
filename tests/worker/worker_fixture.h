// A worker in a thread, and who plays its coordinator.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>

#include "core/base/clock.h"
#include "core/base/fork_server.h"
#include "tests/support/temporary_folder.h"
#include "tests/worker/tiny_run.h"
#include "worker/trainer_process.h"
#include "worker/worker.h"

namespace seqsweep {

constexpr double kPatience_s = 20;

// Made before the first test, as a sweep makes it before all else.
class TrainersForTests : public testing::Environment {
 public:
  void SetUp() override {
    forks = std::make_unique<ForkServer>("worker-trainer", run_trainer);
    doomed = std::make_unique<ForkServer>("doomed-trainer", run_trainer);
  }
  // The later one first: it has the earlier one's socket too.
  void TearDown() override { doomed.reset(), forks.reset(); }
  inline static std::unique_ptr<ForkServer> forks, doomed;  // One test kills the latter.
};
inline const testing::Environment* const kTrainersForTests =
    testing::AddGlobalTestEnvironment(std::make_unique<TrainersForTests>().release());

enum class Trains { InTheWorker, Apart };

// Plays the coordinator of one worker that runs in a thread.
class WorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::tie(coordinator_, worker_end_) = make_local_transport();
    settings_.threads = 1;
    settings_.finished_every_ms = 50;
    settings_.stop_requested = [this] { return stop_.load(); };
    settings_.orphaned = [this] { return orphan_.load(); };
  }
  void train(Trains where) {
    if (where == Trains::Apart) settings_.trainers = TrainersForTests::forks.get();
  }
  void start() {
    worker_ =
        std::thread([this] { exit_code_ = run_worker(*worker_end_, make_group_, settings_); });
  }
  int shut_down() {
    coordinator_->send(1, Shutdown{});
    worker_.join();
    return exit_code_;
  }
  void TearDown() override {
    if (worker_.joinable()) shut_down();
  }

  // The next message of this kind; others are dropped.
  template <typename T>
  std::optional<T> next(double patience_s = kPatience_s) {
    const double end_s = monotonic_s() + patience_s;
    while (monotonic_s() < end_s) {
      auto envelope = coordinator_->receive(10);
      if (envelope && std::holds_alternative<T>(envelope->message)) {
        return std::get<T>(std::move(envelope->message));
      }
    }
    return std::nullopt;
  }

  Ticket dispatch(const RunConfig& config, int64_t attempt = 1,
                  const std::vector<int64_t>& members = {1}) {
    Dispatch dispatch;
    dispatch.ticket = {"0123456789abcdef", attempt, 1};
    dispatch.config = config.json().dump();
    dispatch.members = members;
    dispatch.folder = (scratch_.path() / "run").string();
    coordinator_->send(1, dispatch);
    return dispatch.ticket;
  }
  void await_step() {
    while (next<Progress>().value().step == 0) {
    }
  }
  bool has_checkpoints() { return std::filesystem::exists(scratch_.path() / "run/checkpoints"); }

  static RunConfig endless() {
    RunConfig config = tiny_config();
    config.train.epochs = 1000000;
    config.train.patience = 0;
    return config;
  }

  TemporaryFolder scratch_;
  std::unique_ptr<Transport> coordinator_, worker_end_;
  WorkerSettings settings_;
  MakeGroup make_group_ = [](const Dispatch&) { return make_local_group(); };
  std::atomic<bool> stop_ = false, orphan_ = false;
  std::thread worker_;
  int exit_code_ = -1;
};

}  // namespace seqsweep
