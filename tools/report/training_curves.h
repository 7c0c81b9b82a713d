// Training curves (Figure 3 of the paper): the ways in which one model was trained, side by side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/database.h"
#include "tools/report/figure.h"
#include "tools/report/statistic.h"
#include "tools/report/variants.h"

namespace seqsweep {

struct CurvePoint {
  int64_t epoch = 0;
  Statistic ndcg_10, loss;  // Validation, training; over the runs that are done.
  // Where the epoch ends, mean over the runs: in steps, between two that were logged, and in
  // seconds of training, as if every epoch of a run took as long. NaN: not known.
  double step = kNone, seconds = kNone;
};

struct TrainingCurve {
  Variant variant;
  int64_t done = 0;  // Runs; only if some are, there are points.
  std::vector<CurvePoint> points;
};

std::vector<TrainingCurve> training_curves(Database& database, const Comparison& comparison);

// Validation NDCG@10 and training loss over epochs, which compare optimizers of different numbers
// of steps (the paper's scaled axis), then over steps, then over seconds. Empty when fewer than two
// curves have points. `slug` names the first; only it has the CSV.
std::vector<Figure> training_figures(const Comparison& comparison,
                                     const std::vector<TrainingCurve>& curves,
                                     const std::string& slug);

}  // namespace seqsweep
