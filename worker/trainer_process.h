// The process in which a worker's runs on one rank train, kept from run to run: what kills it costs
// an attempt, not the worker, and how it ended is known. It is a worker itself
// (worker/worker.h), whose coordinator is the rank that started it.
#pragma once

#include <optional>
#include <string>

#include "core/base/fork_server.h"
#include "core/protocol/transport.h"

namespace seqsweep {

struct WorkerSettings;

// What the fork server of a worker runs.
int run_trainer(const std::string& request, Descriptor socket);

class TrainerProcess {
 public:
  // `rank`: of the worker. Throws Error (Fault::World).
  TrainerProcess(ForkServer& forks, int rank, const WorkerSettings& settings);
  // Tells it to checkpoint and leave, and waits for half a minute; then kills it.
  ~TrainerProcess();
  TrainerProcess(const TrainerProcess&) = delete;
  TrainerProcess& operator=(const TrainerProcess&) = delete;

  void send(const Message& message);
  // What it says next, or nothing after so long. What it printed meanwhile goes to our standard
  // error.
  std::optional<Message> receive(int64_t timeout_ms);
  bool dead() const { return dead_; }  // And all that it said was received.
  void kill();                         // With SIGKILL; does not wait.

  struct End {
    std::string cause;  // "memory": the kernel wanted its memory; else "crash".
    std::string how;    // "died by signal 11 (SIGSEGV)"
    std::string more;   // "" or "; ...": its last words for this run, 4 KB of them at most.
  };
  End end();  // Of a dead one.

 private:
  void pass_on_output();

  ForkServer& forks_;
  const int rank_;
  const std::optional<int64_t> oom_kills_before_;
  ForkServer::Process process_;
  std::unique_ptr<Transport> transport_;
  std::string last_words_, line_;  // The end of what it printed; what has no end of line yet.
  bool dead_ = false, ended_ = false;
};

}  // namespace seqsweep
