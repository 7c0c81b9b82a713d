// Where the names of points in a plot stand so that they hide as little as possible.
#pragma once

#include <vector>

#include "tools/report/figure.h"

namespace seqsweep {

struct LabelBox {
  double x = 0, y = 0;  // The point, in pixels from the left and the bottom of the plot.
  double width = 0;     // Of the text.
};

// A side for each box, in its order: labels given first choose first. Points are never covered when
// a free side is left, nor is the edge of the plot (width x height) crossed.
std::vector<Side> place_labels(const std::vector<LabelBox>& boxes, double width, double height);

}  // namespace seqsweep
