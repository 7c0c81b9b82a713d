// A coordinator with workers that a test speaks for, on a clock that it sets.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/coordinator/fake_world.h"

namespace seqsweep {

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() { set_log_level(LogLevel::Error); }

  void begin(int workers, std::vector<SweepRun> runs) {
    runs_ = std::move(runs);
    transport_ = std::make_unique<FakeTransport>(workers);
    store_ = std::make_unique<RunStore>(database(), 0, clock_);
    add_sweep(*store_, runs_);
    settings_.sweep = "sweep";
    settings_.database = database();
    settings_.runs_folder = folder_ / "runs";
    coordinator_ =
        std::make_unique<Coordinator>(settings_, runs_, *store_, *transport_, clock_, view_);
  }

  void begin_ready(int workers, std::vector<SweepRun> runs) {
    begin(workers, std::move(runs));
    for (int rank = 1; rank <= workers; ++rank) say(rank, Hello{.host = "host", .cores = 1});
  }

  std::filesystem::path database() const { return folder_ / "sweep.db"; }

  void say(int rank, Message message) {
    transport_->incoming.push_back({rank, std::move(message)});
    coordinator_->tick(0);
  }

  void pass(double seconds) {
    clock_.now_ms += static_cast<int64_t>(seconds * 1000);
    coordinator_->tick(0);
  }

  // The ticket that the worker was given last.
  Ticket ticket_of(int rank) {
    const auto dispatches = transport_->take<Dispatch>(rank);
    EXPECT_THAT(dispatches, ::testing::SizeIs(1)) << "rank " << rank;
    return dispatches.empty() ? Ticket{} : dispatches.back().ticket;
  }

  const SweepRun& run_of(const Ticket& ticket) const {
    return *std::find_if(runs_.begin(), runs_.end(),
                         [&](const SweepRun& run) { return run.run_id == ticket.run_id; });
  }

  void finish(int rank, const Ticket& ticket) {
    say(rank, Finished{ticket, result_of(run_of(ticket))});
  }

  StatusCounts counts() { return count_runs(store_->database(), "sweep"); }
  std::vector<AttemptRow> attempts(const Ticket& ticket) {
    return read_attempts(store_->database(), ticket.run_id);
  }
  std::vector<std::string> event_kinds() {
    std::vector<std::string> kinds;
    for (const EventRow& event : read_events(store_->database())) kinds.push_back(event.kind);
    return kinds;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  ProgressView view_{80};
  CoordinatorSettings settings_;
  std::vector<SweepRun> runs_;
  std::unique_ptr<FakeTransport> transport_;
  std::unique_ptr<RunStore> store_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace seqsweep
