// A figure before any format: what figure_script makes gnuplot's commands of. Texts are raw: they
// are escaped there.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace seqsweep {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct FigurePoint {
  double x = 0, y = 0;
  double low = kNone, high = kNone;      // Of y, over seeds or as its interval; NaN: none.
  double x_low = kNone, x_high = kNone;  // Of x.
};

enum class Look {
  Curve,  // Dashes and markers of its style, a band from low to high.
  Line,   // Dashes of its style; for hundreds of points.
  Solid,  // Lines in the colour of its style, for two sizes in one panel.
  Dotted,
  Points,  // Filled markers with error bars.
  Hollow,  // The same markers, empty.
  Bars,    // Filled, of kBarWidth, with error bars.
  HollowBars,
  Front,  // A staircase.
  HollowFront,
};

struct Series {
  std::string label;  // "": not in the legend.
  size_t style = 0;   // Colour, dashes and marker: as many as needed, all told apart.
  Look look = Look::Curve;
  std::vector<FigurePoint> points;
};

constexpr size_t kLabelCharacters = 40;  // Longer labels are cut.
// Of its point.
enum class Side { Right, Left, Above, Below, AboveRight, AboveLeft, BelowRight, BelowLeft };
struct PointLabel {
  FigurePoint at;
  std::string text;
  Side side = Side::Right;
};

struct Axis {
  std::string label;
  bool logarithmic = false;
  double from = kNone, to = kNone;  // NaN: as the data are.
  std::vector<std::string> places;  // Names at 0, 1, ... instead of numbers.
};

struct Panel {
  Axis x, y;
  std::vector<Series> series;
  std::vector<PointLabel> labels;
};

struct Figure {
  std::string slug;  // For file names: only a-z, A-Z, 0-9, '-', '_' and '.'.
  std::string title;
  std::vector<Panel> panels;  // Side by side, with one legend below; at least one.
  std::string csv;            // Its data in full precision; "": another figure's file has them.
  std::vector<std::string> notes;  // A sentence each.
};

// In pixels of the SVG; 108 are an inch of the PDF, so that it fills a page's text width.
constexpr double kFigureWidth = 756, kPanelHeight = 270;
constexpr double kPanelLeft = 76, kPanelRight = 24;  // From the edges of a panel to its axes.
constexpr double kBarWidth = 0.36;                   // Places are 1 apart.
constexpr double kCharacterWidth = 7.7;              // Of the SVG's 13-pixel type, on average.

}  // namespace seqsweep
