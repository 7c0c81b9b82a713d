#include "core/base/fork_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kRequestMax = 16 << 10;  // Bytes.
constexpr milliseconds kLook{5};
constexpr milliseconds kEndPatience{5000};     // For a process to end by itself, then by SIGKILL.
constexpr milliseconds kLeavePatience{30000};  // For those that were told to.

// A request is a letter and a text; that for a fork brings two descriptors.
constexpr char kFork = 'f', kWait = 'w';

struct Answer {
  int error = 0;       // An errno, or 0.
  int64_t value = -1;  // The process, or its status; -1: it is still there.
};

struct Request {
  std::string text;
  Descriptor socket, output;
};

constexpr size_t kTwoDescriptors = 2 * sizeof(int);
struct Ancillary {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kTwoDescriptors)> bytes{};
};

void send_request(int control, const std::string& text, const int* descriptors) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  Ancillary ancillary;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors) {
    message.msg_control = ancillary.bytes.data();
    message.msg_controllen = ancillary.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(kTwoDescriptors);
    std::memcpy(CMSG_DATA(header), descriptors, kTwoDescriptors);
  }
  if (::sendmsg(control, &message, MSG_NOSIGNAL) < 0) {
    throw_world("the process that forks trainers is gone: {}", std::strerror(errno));
  }
}

// Nothing when the other side is gone.
std::optional<Request> receive_request(int control) {
  std::string text(kRequestMax, '\0');
  iovec part{text.data(), text.size()};
  Ancillary ancillary;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = ancillary.bytes.size();
  ssize_t bytes = 0;
  do {
    bytes = ::recvmsg(control, &message, MSG_CMSG_CLOEXEC);
  } while (bytes < 0 && errno == EINTR);
  if (bytes <= 0) return std::nullopt;
  text.resize(static_cast<size_t>(bytes));
  Request request{std::move(text), Descriptor(), Descriptor()};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(kTwoDescriptors)) {
    std::array<int, 2> descriptors{};
    std::memcpy(descriptors.data(), CMSG_DATA(header), kTwoDescriptors);
    request.socket = Descriptor(descriptors[0]);
    request.output = Descriptor(descriptors[1]);
  }
  return request;
}

// The status of the child once it ended; nothing while it has not.
std::optional<int> status_of(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, WNOHANG) == child ? std::optional(status) : std::nullopt;
}

std::optional<int> status_within(pid_t child, milliseconds patience) {
  const auto end = steady_clock::now() + patience;
  for (;;) {
    if (const auto status = status_of(child)) return status;
    if (steady_clock::now() >= end) return std::nullopt;
    std::this_thread::sleep_for(kLook);
  }
}

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};

void set_signals(void (*what)(int)) {
  for (const int signal : kSignals) ::signal(signal, what);
}

// They wait, even where they are ignored, for what they will mean. Returns the mask before.
sigset_t hold_signals() {
  sigset_t held, before;
  ::sigemptyset(&held);
  for (const int signal : kSignals) ::sigaddset(&held, signal);
  ::sigprocmask(SIG_BLOCK, &held, &before);
  return before;
}

void release_signals(const sigset_t& before) {
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

void redirect(int descriptor, std::initializer_list<int> targets) {
  for (const int target : targets) ::dup2(descriptor, target);
}

// The server's own process. It has one thread.
class Server {
 public:
  Server(std::string name, ForkServer::Body body, Descriptor control)
      : name_(std::move(name)), body_(std::move(body)), control_(std::move(control)) {}

  void serve() {
    while (auto request = receive_request(control_.number())) {
      const char kind = request->text.front();
      const std::string text = request->text.substr(1);
      answer(kind == kFork ? fork(text, std::move(*request)) : wait(std::stoi(text)));
    }
    end_all();
  }

 private:
  void answer(const Answer& answer) {
    (void)!::send(control_.number(), &answer, sizeof(answer), MSG_NOSIGNAL);
  }

  Answer fork(const std::string& text, Request request) {
    const pid_t server = ::getpid();
    const sigset_t before = hold_signals();  // The server ignores what ends the child.
    const pid_t child = ::fork();
    const int error = errno;
    if (child == 0) set_signals(SIG_DFL);
    release_signals(before);
    if (child < 0) return {.error = error};
    if (child == 0) ::_exit(be_child(server, text, std::move(request)));
    ::setpgid(child, child);  // Here too: whoever signals the group finds it.
    children_.push_back(child);
    return {.value = child};
  }

  int be_child(pid_t server, const std::string& text, Request request) {
    control_.close();
    ::setpgid(0, 0);
    ::prctl(PR_SET_NAME, name_.c_str());
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != server) return kExitWorldFailed;  // It died before that.
    redirect(request.output.number(), {STDOUT_FILENO, STDERR_FILENO});
    request.output.close();
    const int code = body_(text, std::move(request.socket));
    std::fflush(nullptr);
    return code;
  }

  Answer wait(pid_t child) {
    auto status = status_within(child, kEndPatience);
    if (!status) {
      ::kill(child, SIGKILL);
      status = status_within(child, kEndPatience);
    }
    if (!status) return {};
    std::erase(children_, child);
    return {.value = *status};
  }

  void end_all() {
    for (const pid_t child : children_) {
      for (const int signal : {SIGTERM, SIGCONT}) ::kill(child, signal);  // A stopped one hears it.
    }
    const auto end = steady_clock::now() + kLeavePatience;
    for (const pid_t child : children_) {
      const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
      if (!status_within(child, left)) ::kill(child, SIGKILL);
    }
  }

  std::string name_;
  ForkServer::Body body_;
  Descriptor control_;
  std::vector<pid_t> children_;
};

template <typename Call>
void require(Call call, const char* what) {
  if (call < 0) throw_world("{}: {}", what, std::strerror(errno));
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("SIG{}", name) : "a real-time signal";
}

}  // namespace

ForkServer::ForkServer(const std::string& name, Body body) {
  std::array<int, 2> ends{};
  require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  control_ = Descriptor(ends[0]);
  Descriptor servers_end(ends[1]);
  std::fflush(nullptr);  // Or what is not yet written would be written twice.
  require(server_ = ::fork(), "fork");
  if (server_ != 0) return;
  control_.close();
  // In a process group of its own: it outlives a Ctrl-C and what mpirun does to its ranks, to end
  // what it forked in good order.
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "seqsweep-forks");
  set_signals(SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  redirect(nothing.number(), {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
  Server(name, std::move(body), std::move(servers_end)).serve();
  ::_exit(0);
}

ForkServer::~ForkServer() {
  control_.close();
  while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

ForkServer::Process ForkServer::fork(const std::string& request) {
  SEQ_CHECK(request.size() < kRequestMax);
  std::array<int, 2> sockets{}, pipe_ends{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), "socketpair");
  Process process{0, Descriptor(sockets[0]), Descriptor()};
  const Descriptor childs_socket(sockets[1]);
  require(::pipe2(pipe_ends.data(), O_CLOEXEC), "pipe");
  process.output = Descriptor(pipe_ends[0]);
  const Descriptor childs_output(pipe_ends[1]);
  ::fcntl(process.output.number(), F_SETFL, O_NONBLOCK);
  const std::array<int, 2> descriptors = {childs_socket.number(), childs_output.number()};
  send_request(control_.number(), kFork + request, descriptors.data());
  Answer answer;
  if (::recv(control_.number(), &answer, sizeof(answer), 0) != sizeof(answer)) {
    throw_world("the process that forks trainers is gone");
  }
  if (answer.error != 0) throw_world("fork: {}", std::strerror(answer.error));
  process.id = static_cast<pid_t>(answer.value);
  return process;
}

std::optional<int> ForkServer::wait(pid_t process) {
  send_request(control_.number(), kWait + std::to_string(process), nullptr);
  Answer answer;
  if (::recv(control_.number(), &answer, sizeof(answer), 0) != sizeof(answer)) {
    throw_world("the process that forks trainers is gone");
  }
  if (answer.value < 0) return std::nullopt;
  return static_cast<int>(answer.value);
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return fmt::format("died by signal {} ({}{})", signal, signal_name(signal),
                     WCOREDUMP(status) ? ", a core was written" : "");
}

}  // namespace seqsweep
