// An ablation: one figure of the runs over two settings, as a table.
#pragma once

#include <string>
#include <vector>

#include "tools/report/results.h"
#include "tools/report/table.h"

namespace seqsweep {

struct AblationChoice {
  std::string rows, columns;       // Keys of a run's config: "model", "optimizer.lr", "seed".
  std::string metric = "ndcg_10";  // One of ablation_metrics().
};

struct Ablation {
  std::string file_part;  // "ml-1m_model_optimizer", for make_slug().
  Table table;
  std::string csv;
};

std::vector<std::string> ablation_metrics();

// A table a data set, or one for all when a key is the data set's. A cell is the mean over the runs
// that are done and have both settings, ± standard deviation. Throws Error (Fault::Input) for a key
// that no run has or a metric that is none, with the nearest that is.
std::vector<Ablation> ablations(const std::vector<DatasetResults>& results,
                                const AblationChoice& choice);

}  // namespace seqsweep
