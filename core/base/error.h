// The one exception of seqsweep. Its text says who complains, what is valid, what came and what to
// do next; its fault decides the exit code of a tool and what becomes of a run.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace seqsweep {

enum class Fault {
  Input,     // A command line, file or setting is wrong: the user can mend it. Exit code 2.
  Run,       // One run failed (NaN loss, out of memory): the sweep goes on. Exit code 1.
  World,     // Disk, database or MPI failed: nothing can go on. Exit code 3.
  DiskFull,  // As World, but it passes when someone makes room: wait and try again. Exit code 3.
};

enum ExitCode : int {
  kExitDone = 0,
  kExitSomeRunsFailed = 1,
  kExitBadInput = 2,
  kExitWorldFailed = 3,
  kExitInterrupted = 130,
};

class Error : public std::runtime_error {
 public:
  // `cause`: one word for the database; by default it follows from the fault.
  Error(Fault fault, const std::string& text, std::string cause = "")
      : std::runtime_error(text), fault_(fault), cause_(std::move(cause)) {}
  Fault fault() const { return fault_; }
  std::string cause() const {
    if (!cause_.empty()) return cause_;
    return fault_ == Fault::Input ? "input" : fault_ == Fault::Run ? "error" : "world";
  }
  int exit_code() const {
    return fault_ == Fault::Input ? kExitBadInput
           : fault_ == Fault::Run ? kExitSomeRunsFailed
                                  : kExitWorldFailed;
  }

 private:
  Fault fault_;
  std::string cause_;
};

template <typename... Args>
[[noreturn]] void throw_input(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(Fault::Input, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void throw_run(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(Fault::Run, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
[[noreturn]] void throw_world(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(Fault::World, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace seqsweep
