#include "worker/hang_watch.h"

#include <cxxabi.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int kDeepest = 64;  // Calls.
constexpr int kOwnCalls = 2;  // The handler, and the kernel's return from it.
constexpr auto kAnswerPatience = std::chrono::seconds(1);

std::array<void*, kDeepest> stack_calls;
std::atomic<int> stack_depth{0};

// mpirun passes on the signals that people send; this one is ours.
int stack_signal() {
  return SIGRTMIN + 5;
}

void take_stack(int) {
  const int before = errno;
  stack_depth.store(::backtrace(stack_calls.data(), kDeepest));
  errno = before;
}

// "program(_Zmangled+0x12) [0x55...]" as "function +0x12 (program)". What a file keeps for itself
// has no name there.
std::string readable(const std::string& call) {
  const size_t open = call.find('('), plus = call.find('+', open), close = call.find(')', open);
  if (open == std::string::npos || plus == std::string::npos || close < plus) return call;
  const std::string mangled = call.substr(open + 1, plus - open - 1);
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, nullptr), &std::free);
  const std::string program = std::filesystem::path(call.substr(0, open)).filename();
  std::string function = name ? name.get() : mangled;
  function.resize(std::min(function.size(), function.find('(')));  // Without its parameters.
  if (function.empty()) function = "?";
  return fmt::format("{} {} ({})", function, call.substr(plus, close - plus), program);
}

}  // namespace

HangWatch::HangWatch(std::filesystem::path file, double patience_s)
    : file_(std::move(file)), patience_s_(patience_s), watched_(::pthread_self()) {
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
  void* first[1];
  ::backtrace(first, 1);  // Its first call loads a library, which a signal handler may not.
  struct sigaction action = {};
  action.sa_handler = take_stack;
  action.sa_flags = SA_RESTART;
  ::sigaction(stack_signal(), &action, nullptr);
  thread_ = std::thread([this] { watch(); });
}

HangWatch::~HangWatch() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
  thread_.join();
}

void HangWatch::watch() {
  const std::chrono::duration<double> look(patience_s_ / 8);
  uint64_t seen = count_;
  double still_s = 0;
  bool told = false;
  std::unique_lock lock(mutex_);
  while (!ended_changed_.wait_for(lock, look, [this] { return ended_; })) {
    const uint64_t now = count_;
    still_s = now == seen ? still_s + look.count() : 0;
    told = told && now == seen;
    seen = now;
    if (told || still_s < patience_s_) continue;
    tell_stack();
    told = true;
  }
}

void HangWatch::tell_stack() const {
  stack_depth = 0;
  ::pthread_kill(watched_, stack_signal());
  const auto end = std::chrono::steady_clock::now() + kAnswerPatience;
  while (stack_depth == 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const int depth = stack_depth;
  std::vector<std::string> stack;
  const std::unique_ptr<char*, decltype(&std::free)> calls(
      ::backtrace_symbols(stack_calls.data(), depth), &std::free);
  for (int i = kOwnCalls; calls && i < depth; ++i) stack.push_back(readable(calls.get()[i]));
  if (stack.empty()) stack.push_back("(the thread did not answer: it waits in the kernel)");
  try {
    write_file_atomic(file_, join(stack, "\n") + "\n");
    log_warning("no progress for {:.0f} s: the stack is in {}", patience_s_, file_.string());
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

}  // namespace seqsweep
