// seqsweep logs, diff: what happened to runs, what differs between two.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/base/signals.h"
#include "core/base/text.h"
#include "db/queries.h"
#include "tools/commands/commands.h"
#include "tools/report/run_difference.h"

namespace seqsweep {
namespace {

struct InspectOptions {
  std::string database, run, other;
  bool json = false, follow = false;
};

std::string time_text(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

void print_event(const EventRow& event, bool json) {
  if (json) {
    const Json line = {{"id", event.id},
                       {"time_ms", event.time_ms},
                       {"run", event.run_id},
                       {"kind", event.kind},
                       {"text", event.text}};
    fmt::print("{}\n", dump(line));
    return;
  }
  fmt::print("{}  {:<12}  {}{}\n", time_text(event.time_ms), printable(event.kind),
             event.run_id.empty() ? "" : printable(event.run_id) + ": ", printable(event.text));
}

Json attempt_json(const AttemptRow& attempt) {
  return {
      {"attempt", attempt.number},    {"host", attempt.host},
      {"worker", attempt.worker},     {"ranks", attempt.ranks},
      {"start_ms", attempt.start_ms}, {"end_ms", attempt.end_ms ? Json(*attempt.end_ms) : Json()},
      {"cause", attempt.cause},       {"text", attempt.text}};
}

void print_attempts(Database& database, const std::string& run_id, bool json) {
  for (const AttemptRow& attempt : read_attempts(database, run_id)) {
    if (json) {
      fmt::print("{}\n", dump(attempt_json(attempt)));
      continue;
    }
    const std::string end = attempt.end_ms ? "to " + time_text(*attempt.end_ms) : "still running";
    fmt::print("attempt {} on {} (rank {}, {} ranks): {} {}{}\n", attempt.number,
               printable(attempt.host), attempt.worker, attempt.ranks, time_text(attempt.start_ms),
               end, attempt.cause.empty() ? "" : "; ended: " + printable(attempt.cause));
    if (attempt.text.empty()) continue;
    for (const std::string& line : split(attempt.text, '\n')) {
      fmt::print("    {}\n", printable(line));
    }
  }
}

int logs(const InspectOptions& options) {
  Database database = Database::open_for_reading(options.database);
  const std::string run = options.run.empty() ? "" : find_run(database, options.run);
  if (options.follow) install_stop_signals();
  int64_t last = 0;
  do {
    for (const EventRow& event : read_events(database, run, last)) {
      print_event(event, options.json);
      last = event.id;
    }
    std::fflush(stdout);
    if (options.follow) ::usleep(500'000);
  } while (options.follow && !stop_requested());
  if (!run.empty()) print_attempts(database, run, options.json);
  return kExitDone;
}

int diff(const InspectOptions& options) {
  Database database = Database::open_for_reading(options.database);
  const std::string left = find_run(database, options.run);
  const std::string right = find_run(database, options.other);
  const std::vector<Difference> all = run_differences(database, left, right);
  if (options.json) {
    Json lines = Json::array();
    for (const Difference& one : all) {
      lines.push_back(
          {{"part", one.part}, {"key", one.key}, {"left", one.left}, {"right", one.right}});
    }
    fmt::print("{}\n", dump(lines, 2));
    return kExitDone;
  }
  size_t key_width = 3, left_width = left.size();
  for (const Difference& one : all) {
    key_width = std::max(key_width, one.part.size() + 1 + one.key.size());
    left_width = std::max(left_width, std::min<size_t>(40, printable(one.left).size()));
  }
  fmt::print("{:<{}}  {:<{}}  {}\n", "", key_width, left, left_width, right);
  for (const Difference& one : all) {
    fmt::print("{:<{}}  {:<{}}  {}\n", one.part + " " + one.key, key_width,
               one.left.empty() ? "-" : printable(one.left), left_width,
               one.right.empty() ? "-" : printable(one.right));
  }
  if (all.empty()) fmt::print("the same in config, environment and result\n");
  return kExitDone;
}

CLI::App* add_inspecting(CLI::App& app, const char* name, const char* help,
                         const std::shared_ptr<InspectOptions>& options) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("DB", options->database, "results database")->required();
  return command;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  const auto options = std::make_shared<InspectOptions>();
  auto* log = add_inspecting(app, "logs", "What happened to a run, or to all of a sweep", options);
  log->add_option("RUN", options->run, "run id, or the start of one; without it: every event");
  log->add_flag("-f,--follow", options->follow, "go on as more happens, until Ctrl-C");
  log->add_flag("--json", options->json, "a JSON object a line");
  log->footer("Examples:\n  seqsweep logs results.db 0f3a\n  seqsweep logs results.db --follow");
  log->callback([&action, options] { action = [options] { return logs(*options); }; });

  auto* two = add_inspecting(app, "diff",
                             "What differs between two runs: config, environment, result", options);
  two->add_option("RUN", options->run, "run id, or the start of one")->required();
  two->add_option("OTHER", options->other, "another")->required();
  two->add_flag("--json", options->json, "JSON instead of text");
  two->footer("Example:\n  seqsweep diff results.db 0f3a 91bc");
  two->callback([&action, options] { action = [options] { return diff(*options); }; });
}

}  // namespace seqsweep
