// Early stopping across runs: successive halving. At each rung, a number of epochs, a run goes on
// only if its validation metric is among the best of its rivals that have been there. Nobody waits
// for others: the first to come goes on, and the more have been there, the stricter the rung (ASHA,
// Li et al. 2020). Memory only: after a restart later rungs judge anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/plan.h"
#include "core/protocol/message.h"

namespace seqsweep {

class Pruner {
 public:
  // Without a config nothing is ever pruned. Rivals are runs of the same model on the same data set
  // from the same seed; a run that others need has none.
  Pruner(std::optional<PruneConfig> config, const std::vector<SweepRun>& runs);

  // A validation of a run after so many epochs. Why it is to stop, or nothing.
  std::optional<std::string> judge(const std::string& run_id, const MetricRow& metric);

 private:
  struct Place {
    std::string rivals;    // Names the rivals.
    size_t next_rung = 0;  // That it has not reached.
  };

  std::optional<PruneConfig> config_;
  std::map<std::string, Place> places_;                                            // By run.
  std::map<std::pair<std::string, size_t>, std::map<std::string, double>> rungs_;  // Value by run.
};

}  // namespace seqsweep
