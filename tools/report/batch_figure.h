// Batch size and H over epochs, for runs whose batches change (section 3.6 of the paper).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/protocol/message.h"
#include "db/database.h"
#include "tools/report/figure.h"
#include "tools/report/variants.h"

namespace seqsweep {

struct BatchCurve {
  Variant variant;
  int64_t seed = 0;  // Of the run; the steps of several do not stand at the same epochs.
  std::vector<StepRow> steps;
  bool of_mean_square = false;  // Its fit is c1 + c2 / B.

  // What the noise adds to the fitted figure: c2 / sqrt(B), or c2 / B.
  double noise(const StepRow& row) const;
};

// Of each variant its first run that is done, where the batch size changes in it.
std::vector<BatchCurve> batch_curves(Database& database, const Comparison& comparison);

// Batch size, USGM's H, and the two terms of the fit, c1 and the noise, a panel each; without the
// panels that no curve has figures for. Nothing without curves.
std::optional<Figure> batch_figure(const Comparison& comparison,
                                   const std::vector<BatchCurve>& curves, const std::string& slug);

}  // namespace seqsweep
