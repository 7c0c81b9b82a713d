// The page in a real browser, beside a live sweep: clicks, keys, values against the database,
// nothing asked for outside.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/support/command.h"
#include "tests/tools/dashboard/support.h"
#include "tools/dashboard/server.h"

namespace seqsweep {
namespace {

std::string chromium() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (run_command({"sh", "-c", std::string("command -v ") + name}).code == 0) return name;
  }
  return "";
}

TEST(DashboardBrowser, WorksAsAPersonUsesIt) {
  const std::string browser = chromium();
  if (browser.empty() || run_command({"python3", "--version"}).code != 0) {
    GTEST_SKIP() << "chromium or python3 is not installed";
  }
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  const Ticket running = fill_for_dashboard(store);
  add_ranked_runs(store);
  Dashboard dashboard({.database = folder / "results.db", .port = 0});
  const std::jthread server([&] { dashboard.serve(); });
  const std::jthread sweep([&](const std::stop_token& ended) {
    for (int64_t step = 21; !ended.stop_requested(); ++step) {
      get_on(store, running, step);
      std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    }
  });
  const CommandResult result =
      run_command({"python3", SEQSWEEP_SOURCE_DIR "/tests/tools/dashboard/browser.py",
                   dashboard.url(), browser});
  dashboard.stop();
  EXPECT_EQ(result.code, 0) << result.output;
}

}  // namespace
}  // namespace seqsweep
