// seqsweep status: what is done, running, failed and why, and left.
#include <fmt/format.h>

#include "core/base/clock.h"
#include "tools/commands/commands.h"
#include "tools/report/status.h"

namespace seqsweep {
namespace {

struct Options {
  std::string database;
  bool json = false;
};

int status(const Options& options) {
  Database database = Database::open_for_reading(options.database);
  const Status now = read_status(database, system_clock().unix_ms());
  fmt::print("{}\n", options.json ? status_json(now).dump(2) : status_text(now));
  return kExitDone;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("status", "What is done, running, failed (why) and left");
  auto options = std::make_shared<Options>();
  command->add_option("DB", options->database, "results database")->required();
  command->add_flag("--json", options->json, "JSON instead of text");
  command->footer("Example:\n  seqsweep status results.db");
  command->callback([&action, options] { action = [options] { return status(*options); }; });
}

}  // namespace seqsweep
