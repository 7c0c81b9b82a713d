// seqsweep retry, cancel, drain: wishes about runs. A live coordinator picks them up; without one
// the database is written here.
#include <fmt/format.h>

#include "coordinator/control.h"
#include "core/base/log.h"
#include "db/queries.h"
#include "db/run_store.h"
#include "tools/commands/commands.h"

namespace seqsweep {
namespace {

struct ControlOptions {
  std::string database, run;
  bool failed = false;
};

// The full id of a run named by the start of its id. Also checks that the database is one.
std::string run_id_of(const ControlOptions& options) {
  Database database = Database::open_for_reading(options.database);
  return options.run.empty() ? "" : find_run(database, options.run);
}

bool has_coordinator(const ControlOptions& options) {
  return is_locked(options.database).value_or(false);
}

int hand_over(const ControlOptions& options, const Request& request) {
  write_request(options.database, request);
  fmt::print("asked the coordinator that is at work on {}\n", options.database);
  return kExitDone;
}

int retry(const ControlOptions& options) {
  const std::string run_id = run_id_of(options);
  if (options.failed == !run_id.empty()) throw_input("retry: give either RUN or --failed");
  const auto kind = options.failed ? Request::Kind::RetryFailed : Request::Kind::Retry;
  if (has_coordinator(options)) return hand_over(options, {kind, run_id});
  RunStore store(options.database);
  const int64_t count = options.failed ? store.retry_failed() : store.retry(run_id);
  store.sync();
  if (!options.failed && count == 0)
    throw_input("retry: {} has neither failed nor been cancelled", run_id);
  fmt::print("{} will be tried again by the next start\n",
             count == 1 ? "1 run" : fmt::format("{} runs", count));
  return kExitDone;
}

int cancel(const ControlOptions& options) {
  const std::string run_id = run_id_of(options);
  if (has_coordinator(options)) return hand_over(options, {Request::Kind::Cancel, run_id});
  RunStore store(options.database);
  if (!store.cancel(run_id)) throw_input("cancel: {} is done already", run_id);
  store.sync();
  fmt::print("{} is cancelled\n", run_id);
  return kExitDone;
}

int drain(const ControlOptions& options) {
  run_id_of(options);
  if (!has_coordinator(options)) throw_input("drain: no sweep is running on {}", options.database);
  return hand_over(options, {Request::Kind::Drain, ""});
}

CLI::App* add(CLI::App& app, const char* name, const char* help,
              std::shared_ptr<ControlOptions> options) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("DB", options->database, "results database")->required();
  return command;
}

}  // namespace

void add_control(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ControlOptions>();
  auto* again =
      add(app, "retry", "Try a failed or cancelled run again, or all failed ones", options);
  again->add_option("RUN", options->run, "run id, or the start of one");
  again->add_flag("--failed", options->failed, "every failed run");
  again->footer("Example:\n  seqsweep retry results.db --failed");
  again->callback([&action, options] { action = [options] { return retry(*options); }; });

  auto* stop = add(app, "cancel", "Give a run up", options);
  stop->add_option("RUN", options->run, "run id, or the start of one")->required();
  stop->footer("Example:\n  seqsweep cancel results.db 0f3a");
  stop->callback([&action, options] { action = [options] { return cancel(*options); }; });

  auto* all = add(app, "drain", "Checkpoint every run of a live sweep and end it", options);
  all->footer("Example:\n  seqsweep drain results.db");
  all->callback([&action, options] { action = [options] { return drain(*options); }; });
}

}  // namespace seqsweep
