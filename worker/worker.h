// The life of a worker: says Hello, takes runs from the coordinator, executes them and reports,
// until Shutdown. An exception in a run fails that run; the worker lives on. A rank has its runs on
// one rank done by a trainer (worker/trainer_process.h), which is a worker too: what crashes there
// is not the rank.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/base/fork_server.h"
#include "core/base/signals.h"
#include "core/comm/group.h"
#include "core/protocol/transport.h"

namespace seqsweep {

// The group of a dispatch's members. Called by every member, for every dispatch.
using MakeGroup = std::function<std::unique_ptr<Group>(const Dispatch&)>;

struct WorkerSettings {
  int64_t threads = 0;               // This worker's share of its host; 0: all of it.
  std::string mpi_version;           // For the record.
  int64_t finished_every_ms = 2000;  // A result is sent again until it is stored.
  double lease_s = 600;  // The coordinator's: a run is lost that does not get on for so long.
  ForkServer* trainers = nullptr;  // Of run_trainer(). Without it every run trains in this process.
  bool is_trainer = false;         // This process: another one replaces it when it ends.
  std::function<bool()> stop_requested = seqsweep::stop_requested;  // Asked at every step.
  std::function<bool()> orphaned = seqsweep::orphaned;
};

// Returns kExitDone at Shutdown, or kExitWorldFailed when the worker was orphaned or the
// coordinator died: its run is checkpointed then. Throws Error (Fault::World) when the transport
// fails.
int run_worker(Transport& transport, const MakeGroup& make_group, const WorkerSettings& settings);

}  // namespace seqsweep
