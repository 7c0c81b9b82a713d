#include "core/base/fork_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <thread>

#include "core/base/files.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

void say(int socket, const std::string& text) {
  (void)!::write(socket, text.data(), text.size());
}

// All that comes until the end.
std::string hear(int descriptor) {
  std::string text;
  std::array<char, 256> part;
  for (;;) {
    pollfd look{descriptor, POLLIN, 0};
    ::poll(&look, 1, 10'000);
    const ssize_t bytes = ::read(descriptor, part.data(), part.size());
    if (bytes <= 0) return text;
    text.append(part.data(), static_cast<size_t>(bytes));
  }
}

std::string hear_once(int socket) {
  std::array<char, 256> part;
  const ssize_t bytes = ::read(socket, part.data(), part.size());
  return {part.data(), static_cast<size_t>(std::max<ssize_t>(0, bytes))};
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

bool lives(pid_t process) {
  return ::kill(process, 0) == 0 &&
         read_file("/proc/" + std::to_string(process) + "/stat").find(") Z ") == std::string::npos;
}

bool gone_within_s(pid_t process, int patience_s) {
  for (int i = 0; i < 100 * patience_s && lives(process); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !lives(process);
}

TEST(ForkServer, ForksWithARequestASocketAndAnOutput) {
  ForkServer forks("forked", [](const std::string& request, Descriptor socket) {
    const std::string name = read_file("/proc/self/comm");
    const std::string group = ::getpgrp() == ::getpid() ? "of its own" : "of another";
    say(socket.number(), request + " " + hear_once(socket.number()) + " " + name + group);
    say(STDOUT_FILENO, "out ");
    say(STDERR_FILENO, "err");
    return 7;
  });
  for (const std::string name : {"one", "two"}) {
    const ForkServer::Process process = forks.fork(name);
    say(process.socket.number(), "hello");
    EXPECT_EQ(hear(process.socket.number()), name + " hello forked\nof its own");
    const int status = forks.wait(process.id).value();
    EXPECT_EQ(how_it_ended(status), "ended with exit code 7");
    EXPECT_EQ(hear_once(process.output.number()), "out err");
  }
}

TEST(ForkServer, TellsTheSignalThatEndedAProcess) {
  ForkServer forks("forked", [](const std::string& request, Descriptor) {
    ::raise(std::stoi(request));
    return 0;
  });
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL, SIGBUS}) {
    const int status = forks.wait(forks.fork(std::to_string(signal)).id).value();
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
  }
  EXPECT_EQ(how_it_ended(SIGSEGV), "died by signal 11 (SIGSEGV)");
}

TEST(ForkServer, ItsProcessesHaveNothingThatWasOpenedSince) {
  ForkServer forks("forked", [](const std::string& request, Descriptor) {
    return ::fcntl(std::stoi(request), F_GETFD) < 0 ? 0 : 1;
  });
  const TemporaryFolder folder;
  const Descriptor database(::open((folder.path() / "db").c_str(), O_RDWR | O_CREAT, 0600));
  const Descriptor high(::dup2(database.number(), 200));
  EXPECT_EQ(forks.wait(forks.fork("200").id), 0);
}

TEST(ForkServer, ItsEndEndsWhatStillRunsAndWhatIsStopped) {
  const auto start = std::chrono::steady_clock::now();
  pid_t process = 0, stopped = 0;
  {
    ForkServer forks("forked", [](const std::string&, Descriptor) -> int { wait_for_ever(); });
    process = forks.fork("").id;
    stopped = forks.fork("").id;
    EXPECT_TRUE(lives(process));
    ::kill(stopped, SIGSTOP);
  }
  EXPECT_FALSE(lives(process));
  EXPECT_FALSE(lives(stopped));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

// A rank that is killed, by whatever, leaves nobody behind; what it forked may end in good order.
TEST(ForkServer, NobodyOutlivesAMakerThatIsKilled) {
  const TemporaryFolder folder;
  const auto saved = folder.path() / "saved";
  std::array<int, 2> report{};
  ASSERT_EQ(::pipe(report.data()), 0);
  const pid_t maker = ::fork();
  if (maker == 0) {
    ForkServer forks("forked", [&](const std::string&, Descriptor socket) {
      ::signal(SIGTERM, [](int) {});
      say(socket.number(), "ready");
      ::pause();
      write_file_atomic(saved, "in good order");
      return 0;
    });
    const ForkServer::Process process = forks.fork("");
    hear_once(process.socket.number());
    (void)!::write(report[1], &process.id, sizeof(process.id));
    wait_for_ever();
  }
  pid_t process = 0;
  ASSERT_EQ(::read(report[0], &process, sizeof(process)), ssize_t(sizeof(process)));
  ASSERT_TRUE(lives(process));
  ::kill(maker, SIGKILL);
  ::waitpid(maker, nullptr, 0);
  EXPECT_TRUE(gone_within_s(process, 10));
  EXPECT_EQ(read_file(saved), "in good order");
}

TEST(ForkServer, ATerminalsInterruptPassesItsProcessesBy) {
  const pid_t maker = ::fork();
  if (maker == 0) {
    ::setpgid(0, 0);
    ::signal(SIGINT, SIG_IGN);
    ForkServer forks("forked", [](const std::string&, Descriptor socket) {
      say(socket.number(), "ready");
      return hear_once(socket.number()) == "end" ? 3 : 4;
    });
    const ForkServer::Process process = forks.fork("");
    hear_once(process.socket.number());
    ::kill(0, SIGINT);  // As a terminal does, to the whole group.
    say(process.socket.number(), "end");
    const int status = forks.wait(process.id).value();
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 5);
  }
  int status = 0;
  ::waitpid(maker, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

}  // namespace
}  // namespace seqsweep
