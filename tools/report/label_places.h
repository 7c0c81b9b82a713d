// Where the names of points in a plot stand so that they hide as little as possible.
#pragma once

#include <vector>

#include "tools/report/figure.h"

namespace seqsweep {

// All in pixels from the left and the bottom of the plot.
struct LabelBox {
  double x = 0, y = 0;  // The point.
  double width = 0;     // Of the text; 0: the point has none.
};
struct StraightLine {  // Level or upright.
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

// A side for each box, in its order: labels given first choose first. Points, lines and other
// labels are not covered when a free side is left, nor is the edge of the plot (width x height)
// crossed.
std::vector<Side> place_labels(const std::vector<LabelBox>& boxes,
                               const std::vector<StraightLine>& lines, double width, double height);

}  // namespace seqsweep
