// seqsweep dashboard: a local web page of a results database.
#include "tools/dashboard/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "core/base/signals.h"
#include "tools/commands/commands.h"

namespace seqsweep {
namespace {

int dashboard(DashboardOptions options) {
  if (!is_loopback(options.host)) options.token = random_token();
  Dashboard server(options);
  install_stop_signals();
  fmt::print("{}\n", server.url());
  std::fflush(stdout);
  std::jthread stopper([&](const std::stop_token& ended) {
    while (!stop_requested() && !ended.stop_requested()) ::usleep(100'000);
    server.stop();
  });
  server.serve();
  return kExitDone;
}

}  // namespace

void add_dashboard(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("dashboard", "A local web page: live sweep, curves, tables");
  auto options = std::make_shared<DashboardOptions>();
  command->add_option("DB", options->database, "results database")->required();
  command->add_option("--port", options->port, "port; 0: any free one [8321]")
      ->check(CLI::Range(0, 65535));
  command->add_option(
      "--host", options->host,
      "address to listen on; other than 127.0.0.1 a token is asked for [127.0.0.1]");
  command->footer(
      "It only reads, and asks for nothing outside. Ctrl-C ends it.\n\n"
      "Examples:\n"
      "  seqsweep dashboard results.db\n"
      "  ssh -L 8321:127.0.0.1:8321 cluster seqsweep dashboard results.db\n"
      "  seqsweep dashboard results.db --host 0.0.0.0 --port 9000");
  command->callback([&action, options] { action = [options] { return dashboard(*options); }; });
}

}  // namespace seqsweep
