// Runs programs for end-to-end tests: standard output and error together, exit code, kill.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace seqsweep {

inline const std::string kSeqsweep = SEQSWEEP_BIN_DIR "/seqsweep";
inline const std::string kMakeTables = SEQSWEEP_BIN_DIR "/make_tables";

// A program in a process group of its own, its output in a file.
class Command {
 public:
  Command(std::vector<std::string> arguments, std::filesystem::path output)
      : output_(std::move(output)) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    ::setpgid(0, 0);
    const int out = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    // A killed mpirun leaves this folder, and the next one with its process id would not start.
    std::error_code ignored;
    std::filesystem::remove_all(
        std::filesystem::temp_directory_path() / ("ompi." + std::to_string(::getpid())), ignored);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ~Command() {
    if (!ended_) signal_group(SIGKILL), wait();
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t pid() const { return child_; }
  void signal(int number) const { ::kill(child_, number); }
  void signal_group(int number) const { ::kill(-child_, number); }
  bool running() {
    if (!ended_ && ::waitpid(child_, &status_, WNOHANG) == child_) ended_ = true;
    return !ended_;
  }
  // Exit code; 128 + signal when a signal ended it, as a shell says it.
  int wait() {
    if (!ended_) ::waitpid(child_, &status_, 0);
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  std::string output() const {
    std::ifstream file(output_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path output_;
  pid_t child_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

struct CommandResult {
  int code = 0;
  std::string output;
};

inline CommandResult run_command(const std::vector<std::string>& arguments) {
  const std::filesystem::path output =
      std::filesystem::temp_directory_path() / ("command_" + std::to_string(::getpid()) + ".out");
  std::filesystem::remove(output);
  Command command(arguments, output);
  const int code = command.wait();
  CommandResult result{code, command.output()};
  std::filesystem::remove(output);
  return result;
}

// A folder of one test, removed at its end.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("seqsweep_" + name + "_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace seqsweep
