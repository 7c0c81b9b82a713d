// A small database for the tests of the dashboard: done, running, failed and pending runs, one of
// them with names that a careless page would execute.
#pragma once

#include <string>

#include "tests/tools/report/support.h"

namespace seqsweep {

inline const std::string kHostileName = "<script>window.hacked=1</script>\"'><img src=x onerror=1>";

// The run tells of a step; an epoch has 40.
inline void get_on(RunStore& store, const Ticket& ticket, int64_t step) {
  Progress progress = seqsweep::progress(ticket, step);
  progress.steps[0].epoch_position = static_cast<double>(step) / 40;
  store.store_progress(std::vector{progress});
}

constexpr size_t kRankedUsers = 400;

// The ticket is that of the running one.
inline Ticket fill_for_dashboard(RunStore& store) {
  store.add_sweep("quick", "name: quick",
                  std::vector{planned_run("done0001", run_config("ml-1m", "sasrec", 1)),
                              planned_run("done0002", run_config("ml-1m", "sasrec", 1, "usgm")),
                              planned_run("running1", run_config("ml-1m", "hydra4rec", 1)),
                              planned_run("failed01", run_config("ml-1m", kHostileName, 1)),
                              planned_run("pending1", run_config("toy", "net", 1))});
  finish_with_curves(store, "done0001", 0.125);
  finish_with_curves(store, "done0002", 0.0625);
  fail(store, "failed01", "bad " + kHostileName);
  const Ticket ticket = store.start_attempt("running1", kPlace);
  get_on(store, ticket, 20);
  return ticket;
}

// Three models on one data set: two that are as good as each other, and one that is worse.
inline void add_ranked_runs(RunStore& store) {
  const std::pair<const char*, uint64_t> models[] = {{"sasrec", 6}, {"lrurec", 6}, {"mamrec", 1}};
  std::vector<PlannedRun> runs;
  for (const auto& [model, quality] : models) {
    runs.push_back(planned_run(model, run_config("ranked", model, 1)));
  }
  store.add_sweep("ranked", "name: ranked", runs);
  for (const auto& [model, quality] : models) {
    finish(store, model, result_of_ranks(some_ranks(kRankedUsers, quality, 7)));
  }
}

}  // namespace seqsweep
