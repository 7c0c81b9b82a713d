// One attempt at a run, from its config to its result. It talks to the world only through the
// reporter, so it can run in a worker rank, in a child process or in a test.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/comm/group.h"
#include "core/protocol/message.h"
#include "core/protocol/run_config.h"
#include "worker/quiet_host.h"

namespace seqsweep {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // After every step and sign of life, so it must be quick. The ticket is filled in by the
  // reporter.
  virtual void progress(Progress progress) = 0;
  virtual bool stop_requested() = 0;  // Asked at every step; does not block.
  // Another attempt has the run's folder: nothing is left in it any more.
  virtual bool goes_on_elsewhere() { return false; }
};

struct ExecuteContext {
  std::filesystem::path folder;    // Of the run, beside those that it needs; made when missing.
  std::filesystem::path data_dir;  // Raw and cached data sets.
  int64_t threads = 0;             // This rank's share of the machine, used when the config says 0.
  Group& group;
  std::filesystem::path quiet_file = quiet_host_file();  // See worker/quiet_host.h.
};

// Trains (resuming from the newest intact checkpoint in the folder), evaluates, measures, and
// leaves the trained model in the folder. Returns the result, or nothing when it was stopped and
// checkpointed; the same on every rank of the group, the first of which saves the model. Throws
// Error.
std::optional<RunResult> execute(const RunConfig& config, const ExecuteContext& context,
                                 Reporter& reporter);

// Once the result is stored, nothing needs them any more. Keeps the trained model.
void remove_checkpoints(const std::filesystem::path& folder);

}  // namespace seqsweep
