// Runs a program in a pseudo terminal, as a user sees it.
#pragma once

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace seqsweep {

class Terminal {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  explicit Terminal(std::vector<std::string> arguments, const Environment& environment = {}) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    winsize size{.ws_row = 24, .ws_col = 100};
    child_ = ::forkpty(&screen_, nullptr, nullptr, &size);
    if (child_ != 0) return;
    ::unsetenv("NO_COLOR");
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ~Terminal() {
    if (child_ > 0 && !ended_) ::kill(child_, SIGKILL), ::waitpid(child_, nullptr, 0);
    if (screen_ >= 0) ::close(screen_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys) {
    [[maybe_unused]] const auto written = ::write(screen_, keys.data(), keys.size());
  }

  // Reads until the text is on the screen; false when the program ended or time is up.
  bool see(const std::string& text, double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (output_.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until || !read_some()) return false;
    }
    return true;
  }

  // Exit code; 128 + signal. Reads what is left, and kills the program when time is up.
  int wait(double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (read_some()) {
      if (std::chrono::steady_clock::now() > until) ::kill(child_, SIGKILL);
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& output() const { return output_; }

 private:
  // False when the program has closed the terminal.
  bool read_some() {
    pollfd ready{.fd = screen_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 100) <= 0) return true;
    char bytes[4096];
    const auto count = ::read(screen_, bytes, sizeof bytes);
    if (count > 0) output_.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }

  int screen_ = -1;
  pid_t child_ = -1;
  bool ended_ = false;
  std::string output_;
};

}  // namespace seqsweep
