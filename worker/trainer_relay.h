// Has runs on one rank trained by a trainer process, and carries what is said between it and the
// coordinator. A trainer that dies fails its run with how it ended; the next run gets another one.
#pragma once

#include <memory>
#include <optional>

#include "core/protocol/transport.h"
#include "worker/inbox.h"
#include "worker/trainer_process.h"
#include "worker/worker.h"

namespace seqsweep {

class TrainerRelay {
 public:
  TrainerRelay(ForkServer& forks, Transport& transport, Inbox& inbox,
               const WorkerSettings& settings);

  // Starts a trainer, waits until it is ready and returns what it says of the machine; nothing when
  // the coordinator is gone or ends all. Throws Error (Fault::World) when it dies or hangs.
  std::optional<Hello> meet();

  // Until the run ended, or nobody waits for it any more: the coordinator is gone, or hands out the
  // next one. False: nothing was begun, since no trainer can be started any more.
  bool train(const Dispatch& dispatch);

  void look_after();  // Between runs: passes on what the trainer prints.
  // It gives back what it holds of a GPU and of memory. The next run gets another one.
  void let_go() { trainer_.reset(); }

 private:
  struct Relayed;  // A dispatch, and how far it is.
  enum class Ending { Over, NotBegun };

  Ending relay(const Dispatch& dispatch);
  void pass_up(Relayed& run);
  void pass_down(Relayed& run);
  void tell_death(const Relayed& run, TrainerProcess& trainer);
  void start();

  ForkServer& forks_;
  Transport& transport_;
  Inbox& inbox_;
  const WorkerSettings& settings_;
  std::unique_ptr<TrainerProcess> trainer_;
};

}  // namespace seqsweep
