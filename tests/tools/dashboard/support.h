// A small database for the tests of the dashboard: done, running, failed and pending runs, one of
// them with names that a careless page would execute.
#pragma once

#include <string>

#include "tests/tools/report/support.h"

namespace seqsweep {

inline const std::string kHostileName = "<script>window.hacked=1</script>\"'><img src=x onerror=1>";

inline void fill_for_dashboard(RunStore& store) {
  store.add_sweep("quick", "name: quick",
                  std::vector{planned_run("done0001", run_config("ml-1m", "sasrec", 1)),
                              planned_run("done0002", run_config("ml-1m", "sasrec", 1, "usgm")),
                              planned_run("running1", run_config("ml-1m", "hydra4rec", 1)),
                              planned_run("failed01", run_config("ml-1m", kHostileName, 1)),
                              planned_run("pending1", run_config("toy", "net", 1))});
  finish_with_curves(store, "done0001", 0.125);
  finish_with_curves(store, "done0002", 0.0625);
  fail(store, "failed01", "bad " + kHostileName);
  Progress progress = seqsweep::progress(store.start_attempt("running1", kPlace), 20);
  progress.steps[0].epoch_position = 0.5;
  store.store_progress(std::vector{progress});
}

}  // namespace seqsweep
