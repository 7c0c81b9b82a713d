#include "core/base/signals.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace seqsweep {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
pid_t first_parent = 0;  // 0: not watched.

void on_signal(int signal) {
  if (signal == SIGINT && stop_flag) {
    ::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);
  }
  stop_flag = 1;
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) ::sigaction(signal, &action, nullptr);
}

bool stop_requested() {
  return stop_flag != 0;
}

void request_stop() {
  stop_flag = 1;
}

void stop_with_parent() {
  first_parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
}

bool orphaned() {
  return first_parent != 0 && ::getppid() != first_parent;
}

}  // namespace seqsweep
