// The runs of a database, summed up: a row is a model with its settings, over all its seeds. Every
// view (tables now, figures and tests of significance too) starts from here. Texts are raw, figures
// in full precision.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "db/rows.h"
#include "tools/report/paper.h"
#include "tools/report/statistic.h"

namespace seqsweep {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The figures that are tested for differences between models, in the order of `against_best`.
enum TestedMetric { kHit10, kNdcg10, kMrr10, kTestedMetrics };

// A row beside the best row of its data set, over the same test users; a user's figure is the mean
// over the row's runs. NaN: not tested, for there are no user ranks, or those of other users.
struct AgainstBest {
  bool best = false;               // It is the best itself.
  int64_t users = 0;               // Pairs; 0: not tested.
  double low = kNan, high = kNan;  // 95 % interval of the row's mean over users (BCa bootstrap).
  double difference = kNan;        // This row minus the best.
  double difference_low = kNan, difference_high = kNan;  // Its 95 % interval (paired bootstrap).
  double effect = kNan;                                  // Cohen's d of the paired differences.
  double p = kNan, p_bootstrap = kNan;  // Of the paired permutation test, and bootstrap.
  double p_holm = kNan;                 // The first, corrected for all rows of the data set.
};

struct ModelResults {
  std::string model;     // As in a sweep file.
  std::string label;     // As people write it: "SASRec".
  std::string settings;  // What tells it from the model's other rows: "usgm, diameter=5", or "".
  std::vector<ResultRow> runs;  // By seed; done or not.
  int64_t done = 0;

  // Over the runs that are done.
  Statistic hit_10, ndcg_10, mrr_10, latency_ms, tokens_per_s;
  // From the lowest to the highest bound of the runs' 95 % intervals; NaN without latency.
  double latency_low_ms = kNan, latency_high_ms = kNan;
  int64_t params = 0, params_no_embedding = 0;  // 0: no run is done.

  std::array<AgainstBest, kTestedMetrics> against_best;  // compare_with_best() fills it.

  const PaperRow* paper = nullptr;  // Owned by the Paper given to summarize(); null: none.

  std::string name() const;  // "SASRec (usgm, diameter=5)"
};

struct DatasetResults {
  std::string dataset;               // As in a sweep file.
  std::string settings;              // What tells it from other data sets of the name, or "".
  std::vector<ModelResults> models;  // The paper's first, in its order; others by name.
  const PaperDataset* paper = nullptr;

  std::string title() const;      // "MovieLens-1M", "ml-100k (max_length=50)"
  std::string file_part() const;  // "ml-1m", "ml-100k-max_length=50"; for make_slug().
};

// The paper's data sets come first, in its order; others by name.
std::vector<DatasetResults> summarize(const std::vector<ResultRow>& runs, const Paper& paper);

}  // namespace seqsweep
