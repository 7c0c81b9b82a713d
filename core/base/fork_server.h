// A small process that forks others on demand. It is made while its maker has neither threads nor
// MPI nor CUDA, so what it forks has none of them either, whatever the maker has by then; and a
// fork takes milliseconds where a new start of the program would load its libraries again.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/descriptor.h"

namespace seqsweep {

// One thread at a time.
class ForkServer {
 public:
  // What each forked process does with the request and its end of a stream socket; returns its exit
  // code. It stands in a process group of its own, gets SIGTERM when the server ends, reads
  // nothing, ignores SIGPIPE, and has no descriptor of the maker's that is open only since then.
  using Body = std::function<int(const std::string& request, Descriptor socket)>;

  // `name`: of the processes, as `ps -o comm` shows them, in 15 letters at most. Throws Error
  // (Fault::World), as fork() does.
  ForkServer(const std::string& name, Body body);
  // Ends what still runs, with SIGTERM and half a minute later with SIGKILL, and waits for it. So
  // does the server by itself when its maker dies.
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  struct Process {
    pid_t id = 0;
    Descriptor socket;  // Our end.
    Descriptor output;  // To read what it writes to standard output and error. Does not block.
  };
  Process fork(const std::string& request);

  // Of a process that closed its socket or was killed: its status, as of waitpid(). Nothing when it
  // is still there after ten seconds and a SIGKILL.
  std::optional<int> wait(pid_t process);

 private:
  Descriptor control_;
  pid_t server_ = 0;
};

// "died by signal 11 (SIGSEGV)", "ended with exit code 1".
std::string how_it_ended(int status);

}  // namespace seqsweep
