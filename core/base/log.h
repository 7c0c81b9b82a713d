// Log lines on standard error: time, who (rank 2, coordinator), text. Control characters in the
// text are made visible, so that a title or a path cannot steer the terminal. Any thread may log.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace seqsweep {

enum class LogLevel { Debug, Info, Warning, Error };

void set_log_who(std::string who);      // Shown in every line; empty by default.
void set_log_level(LogLevel level);     // Lines below it are dropped; Info by default.
void set_log_status(std::string line);  // A line kept at the bottom of a terminal; "" removes it.
void log_line(LogLevel level, std::string_view text);
void log_as_is(std::string_view lines);  // That another process of ours wrote as its log.

template <typename... Args>
void log_debug(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Debug, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Warning, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace seqsweep
