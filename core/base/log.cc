#include "core/base/log.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <mutex>

#include "core/base/terminal.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

struct LogState {
  std::mutex mutex;
  std::string who;
  std::string status;
  LogLevel level = LogLevel::Info;
  bool terminal = terminal_width() > 0;
  bool shared = terminal && ::isatty(STDERR_FILENO) != 1;  // Another rank's status may stand there.
};

LogState& state() {
  static LogState log;
  return log;
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

constexpr const char* kLabels[] = {"debug: ", "", "warning: ", "error: "};

}  // namespace

void set_log_who(std::string who) {
  const std::lock_guard lock(state().mutex);
  state().who = std::move(who);
}

void set_log_level(LogLevel level) {
  const std::lock_guard lock(state().mutex);
  state().level = level;
}

void set_log_status(std::string line) {
  const std::lock_guard lock(state().mutex);
  LogState& log = state();
  // Another rank's line may have wiped out a shared one.
  if (!log.terminal || (line == log.status && !log.shared)) return;
  log.status = printable(line);
  const std::string out = fmt::format("\r\033[K{}", log.status);
  std::fwrite(out.data(), 1, out.size(), stderr);
}

void log_line(LogLevel level, std::string_view text) {
  const std::lock_guard lock(state().mutex);
  LogState& log = state();
  if (level < log.level) return;
  const std::string who = log.who.empty() ? "" : log.who + ": ";
  std::string out = log.status.empty() && !log.shared ? "" : "\r\033[K";
  out += fmt::format("{} {}{}{}\n", time_of_day(), who, kLabels[static_cast<int>(level)],
                     printable(text));
  out += log.status;
  std::fwrite(out.data(), 1, out.size(), stderr);
}

void log_as_is(std::string_view lines) {
  const std::lock_guard lock(state().mutex);
  LogState& log = state();
  std::string out = log.status.empty() && !log.shared ? "" : "\r\033[K";
  out += lines;
  if (!log.status.empty() && !lines.ends_with('\n')) out += '\n';
  out += log.status;
  std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace seqsweep
