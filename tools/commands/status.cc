// seqsweep status: what is done, running, failed and why, and left.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/base/signals.h"
#include "tools/commands/commands.h"
#include "tools/report/status.h"

namespace seqsweep {
namespace {

struct StatusOptions {
  std::string database;
  bool json = false, watch = false, all_runs = false;
  double every_s = 2;
};

bool work_left(const Status& status) {
  return std::ranges::any_of(status.sweeps, [](const SweepStatus& sweep) {
    return sweep.runs.pending + sweep.runs.running > 0;
  });
}

// On a terminal the new status takes the place of the old one, line by line, so that nothing
// flickers; elsewhere it is printed when it has changed.
void show_again(const std::string& text, const std::string& before) {
  if (::isatty(STDOUT_FILENO) != 1) {
    if (text != before) fmt::print("{}\n", text);
  } else {
    std::string lines = "\033[H";
    for (const char c : text) lines += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
    fmt::print("{}\033[J", lines);
  }
  std::fflush(stdout);
}

int status(const StatusOptions& options) {
  Database database = Database::open_for_reading(options.database);
  const auto text_of = [&](const Status& now) {
    return options.json ? status_json(now).dump() : status_text(now);
  };
  if (options.watch) {
    install_stop_signals();
    if (::isatty(STDOUT_FILENO) == 1) fmt::print("\033[2J");
    for (std::string before; !stop_requested();) {
      const Status now = read_status(database, system_clock().unix_ms(), options.all_runs);
      const std::string text = text_of(now);
      show_again(text, before);
      before = text;
      if (!work_left(now)) break;
      ::usleep(static_cast<useconds_t>(1e6 * options.every_s));
    }
    return kExitDone;
  }
  const Status now = read_status(database, system_clock().unix_ms(), options.all_runs);
  fmt::print("{}\n", options.json ? status_json(now).dump(2) : status_text(now));
  return kExitDone;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("status", "What is done, running, failed (why) and left");
  auto options = std::make_shared<StatusOptions>();
  command->add_option("DB", options->database, "results database")->required();
  command->add_flag("--json", options->json, "JSON instead of text");
  command->add_flag("--runs", options->all_runs,
                    "list the runs that are done, cancelled and left, too");
  command->add_flag("-w,--watch", options->watch, "show it again and again until all is done");
  command->add_option("--every", options->every_s, "seconds between two looks of --watch [2]")
      ->check(CLI::Range(0.1, 3600.0));
  command->footer(
      "Examples:\n  seqsweep status results.db\n  seqsweep status results.db --watch\n  seqsweep "
      "status results.db --runs");
  command->callback([&action, options] { action = [options] { return status(*options); }; });
}

}  // namespace seqsweep
