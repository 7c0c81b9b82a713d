#include "core/base/signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace seqsweep {
namespace {

// Exit status of `body` in a child process.
template <typename Body>
int status_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(Signals, EachStopSignalSetsTheFlag) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const int status = status_of_child([&] {
      install_stop_signals();
      if (stop_requested()) return 1;
      ::raise(signal);
      return stop_requested() ? 42 : 2;
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 42);
  }
}

TEST(Signals, SecondInterruptEndsTheProcess) {
  const int status = status_of_child([] {
    install_stop_signals();
    ::raise(SIGINT);
    ::raise(SIGINT);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(Signals, OrphanNoticesThatItsParentIsGone) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  if (const pid_t parent = ::fork(); parent == 0) {
    if (::fork() == 0) {
      install_stop_signals();
      stop_with_parent();
      const bool before = orphaned();
      for (int i = 0; i < 500 && !orphaned(); ++i) ::usleep(10'000);
      const char answer = !before && orphaned() && stop_requested() ? 'y' : 'n';
      (void)!::write(pipe_ends[1], &answer, 1);
      ::_exit(0);
    }
    ::usleep(100'000);
    ::_exit(0);
  } else {
    int status = 0;
    ::waitpid(parent, &status, 0);
  }
  char answer = '?';
  ASSERT_EQ(::read(pipe_ends[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
}

}  // namespace
}  // namespace seqsweep
