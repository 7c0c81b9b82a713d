// Quality over latency (appendix B of the paper).
#pragma once

#include <optional>
#include <string>

#include "tools/report/figure.h"
#include "tools/report/paper.h"
#include "tools/report/results.h"

namespace seqsweep {

// HT@10 over latency on a logarithmic axis, a point a row of the results, mean over its seeds, and
// the staircase of those that no other beats in both; the paper's own points hollow. Nothing when
// no run that is done has a latency.
std::optional<Figure> latency_figure(const DatasetResults& results, const Paper& paper,
                                     const std::string& slug);

}  // namespace seqsweep
