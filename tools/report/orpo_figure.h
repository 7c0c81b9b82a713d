// A language model before and after preference optimization (Figures 1 and 2 of the paper).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/report/figure.h"
#include "tools/report/results.h"

namespace seqsweep {

struct BeforeAfter {
  const ResultRow* before = nullptr;  // The run that the other one started from.
  const ResultRow* after = nullptr;
};

// Of one model on one data set, by seed: runs of the objective "orpo" that are done and whose
// start, needs.start of their config, is done too.
struct OrpoPairs {
  const ModelResults* after = nullptr;  // The row of the runs after.
  std::vector<BeforeAfter> pairs;
  int64_t asked = 0;  // Runs of the row, done or not.
};

std::vector<OrpoPairs> orpo_pairs(const DatasetResults& results);

// HT, NDCG and MRR at 10 side by side, means over the pairs with their standard deviations; the
// notes have the paired permutation test over seeds. Nothing without pairs.
std::optional<Figure> orpo_figure(const DatasetResults& results, const OrpoPairs& pairs,
                                  const std::string& slug);

}  // namespace seqsweep
