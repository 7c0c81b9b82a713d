#include "tools/report/figure_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/text.h"

namespace seqsweep {
namespace {

// Okabe and Ito's colours, told apart by the colour-blind, without their yellow, which paper does
// not show. Dashes and markers tell curves apart without colours; 7, 5 and 6 have no common factor
// but 1, so that no two of the first 30 styles share two of the three.
constexpr std::array kColours = {"#000000", "#D55E00", "#0072B2", "#009E73",
                                 "#CC79A7", "#E69F00", "#56B4E9"};
constexpr std::array kDashes = {"solid", "(9,4)", "(3,3)", "(10,3,2,3)", "(16,4)"};
constexpr std::array kMarkers = {7, 5, 9, 13, 11, 15};  // Filled; the number before is its outline.

constexpr double kLegendLine = 19.5, kLegendSample = 70, kLegendCharacter = 9.5, kTitle = 34,
                 kBelowPanel = 46;
constexpr size_t kMarkersOfCurve = 12;  // Of a longer curve not every point has one.

const char* colour(const Series& series) {
  return kColours[series.style % kColours.size()];
}

int marker(const Series& series) {
  return kMarkers[series.style % kMarkers.size()];
}

// Points have no dashes: those of one marker differ in colour, the first two of each marker also in
// lightness, for a print in grey. No two of the first 42 share both.
const char* point_colour(const Series& series) {
  const size_t place = series.style % kMarkers.size(), round = series.style / kMarkers.size();
  return kColours[(place + 3 * round) % kColours.size()];
}

std::string dashes(const Series& series) {
  const std::string dash = kDashes[series.style % kDashes.size()];
  return dash == "solid" ? "dt solid" : "dt " + dash;
}

// How the series is drawn: gnuplot's "with ...", the same for its sample in the legend.
std::string drawn_with(const Series& series) {
  const std::string colours = fmt::format("lc rgb '{}'", colour(series));
  switch (series.look) {
    case Look::Curve:
      return fmt::format("with linespoints {} {} lw 1.8 pt {} ps 0.7 pi {}", colours,
                         dashes(series), marker(series),
                         std::max<size_t>(1, series.points.size() / kMarkersOfCurve));
    case Look::Line:
      return fmt::format("with lines {} {} lw 1.6", colours, dashes(series));
    case Look::Solid:
      return fmt::format("with lines {} dt solid lw 1.6", colours);
    case Look::Dotted:
      return fmt::format("with lines {} dt (2,3) lw 1.6", colours);
    case Look::Points:
      return fmt::format("with points lc rgb '{}' pt {} ps 1.1", point_colour(series),
                         marker(series));
    case Look::Hollow:
      return fmt::format("with points lc rgb '{}' pt {} ps 1.1 lw 1.3", point_colour(series),
                         marker(series) - 1);
    case Look::Bars:
      return fmt::format("with boxes {} fill solid 0.9 border", colours);
    case Look::HollowBars:
      return fmt::format("with boxes {} lw 1.4 fill empty border", colours);
    case Look::Front:
      return "with steps lc rgb '#000000' dt solid lw 1.2";
    case Look::HollowFront:
      return "with steps lc rgb '#808080' dt (3,3) lw 1.2";
  }
  return "";
}

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "NaN";
}

// $d0, $d1, ...: x y low high x_low x_high. Error bars without an end end at their point.
std::string data_blocks(const Figure& figure) {
  std::string out;
  size_t serial = 0;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      out += fmt::format("$d{} << END\n", serial++);
      for (const FigurePoint& p : series.points) {
        const auto or_else = [](double value, double other) {
          return number(std::isfinite(value) ? value : other);
        };
        out += fmt::format("{} {} {} {} {} {}\n", number(p.x), number(p.y), or_else(p.low, p.y),
                           or_else(p.high, p.y), or_else(p.x_low, p.x), or_else(p.x_high, p.x));
      }
      out += "END\n";
    }
  }
  return out;
}

bool has_band(const Series& series) {
  return series.look == Look::Curve &&
         std::ranges::any_of(series.points, [](const FigurePoint& p) { return p.high > p.low; });
}

std::vector<Series> legend_of(const Figure& figure) {
  std::vector<Series> legend;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      const bool known = std::ranges::count(legend, series.label, &Series::label) > 0;
      if (!series.label.empty() && !known) legend.push_back(series);
    }
  }
  return legend;
}

struct Layout {
  size_t columns = 1, rows = 0;  // Of the legend.
  double height = 0;

  double from_below(double pixels) const { return pixels / height; }
  double legend_height() const {
    return rows == 0 ? 6 : static_cast<double>(rows) * kLegendLine + 14;
  }
};

Layout layout_of(const std::vector<Series>& legend) {
  size_t longest = 1;
  for (const Series& series : legend) longest = std::max(longest, series.label.size());
  const double entry = kLegendSample + kLegendCharacter * static_cast<double>(longest);
  Layout layout;
  layout.columns = static_cast<size_t>(std::clamp(kFigureWidth / entry, 1.0, 4.0));
  layout.rows = (legend.size() + layout.columns - 1) / layout.columns;
  layout.height = kTitle + kPanelHeight + kBelowPanel + layout.legend_height();
  return layout;
}

// Of an axis of few decades gnuplot would name one place, or none: 1, 2 and 5 of each are named
// then.
std::string tics_script(const Axis& axis, const std::string& name) {
  if (!axis.places.empty()) {
    std::vector<std::string> tics;
    for (size_t i = 0; i < axis.places.size(); ++i) {
      tics.push_back(fmt::format("{} {}", gnuplot_text(axis.places[i]), i));
    }
    return fmt::format("set {}tics ({})\n", name, join(tics, ", "));
  }
  const bool ends = std::isfinite(axis.from) && std::isfinite(axis.to);
  if (!axis.logarithmic || !ends || axis.to > 300 * axis.from) {
    return fmt::format("set {}tics autofreq\n", name);
  }
  std::vector<std::string> tics;
  const int last = static_cast<int>(std::floor(std::log10(axis.to)));
  for (int power = static_cast<int>(std::floor(std::log10(axis.from))); power <= last; ++power) {
    for (const int digit : {1, 2, 5}) tics.push_back(fmt::format("{}e{}", digit, power));
  }
  return fmt::format("set {}tics ({})\n", name, join(tics, ", "));
}

std::string axis_script(const Axis& axis, const std::string& name) {
  const auto end = [](double value) { return std::isfinite(value) ? number(value) : "*"; };
  return fmt::format("{1} logscale {0}\nset {0}range [{2}:{3}]\nset format {0} '%g'\n", name,
                     axis.logarithmic ? "set" : "unset", end(axis.from), end(axis.to)) +
         tics_script(axis, name);
}

std::string label_script(const PointLabel& label) {
  constexpr std::array kPlaces = {"left offset 1.2,0",     "right offset -1.2,0",
                                  "center offset 0,0.75",  "center offset 0,-0.75",
                                  "left offset 0.6,0.75",  "right offset -0.6,0.75",
                                  "left offset 0.6,-0.75", "right offset -0.6,-0.75"};
  const char* place = kPlaces.at(static_cast<size_t>(label.side));  // In the order of the sides.
  return fmt::format("set label {} at {},{} {} front\n", gnuplot_text(label.text, kLabelCharacters),
                     number(label.at.x), number(label.at.y), place);
}

// `serial`: of its first data block.
std::string panel_script(const Panel& panel, size_t serial, const std::vector<Series>& legend) {
  std::string out = axis_script(panel.x, "x") + axis_script(panel.y, "y");
  out += fmt::format("set xlabel {}\n", gnuplot_text(panel.x.label));
  for (const PointLabel& label : panel.labels) out += label_script(label);
  std::vector<std::string> bands, lines;
  for (const Series& series : panel.series) {
    const std::string block = fmt::format("$d{}", serial++);
    if (has_band(series)) {
      bands.push_back(fmt::format(
          "{} using 1:3:4 with filledcurves lc rgb '{}' fs transparent solid 0.15 noborder notitle",
          block, colour(series)));
    }
    if (series.look == Look::Points) {
      bands.push_back(fmt::format(
          "{} using 1:2:5:6:3:4 with xyerrorbars pt 0 lw 0.8 lc rgb '#A0A0A0' notitle", block));
    }
    lines.push_back(fmt::format("{} using 1:2 {} notitle", block, drawn_with(series)));
    // gnuplot's own error bars would leave a hole around the middle.
    if (series.look == Look::Bars || series.look == Look::HollowBars) {
      lines.push_back(fmt::format(
          "{} using 1:3:(0):($4-$3) with vectors heads size 0.06,90 lw 1 lc rgb '#404040' notitle",
          block));
    }
  }
  for (const Series& series : legend) {
    lines.push_back(
        fmt::format("keyentry {} title {}", drawn_with(series), gnuplot_text(series.label, 100)));
  }
  std::ranges::copy(lines, std::back_inserter(bands));
  return out + "plot " + join(bands, ", \\\n     ") + "\n";
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  for (size_t at = 0; (at = text.find(what)) != std::string_view::npos;) {
    out.append(text.substr(0, at)).append(with);
    text.remove_prefix(at + what.size());
  }
  return out.append(text);
}

}  // namespace

std::string gnuplot_text(std::string_view text, size_t characters) {
  std::string shown = printable(text);
  size_t seen = 0, end = 0;
  while (end < shown.size() && seen < characters) {
    ++end;
    while (end < shown.size() && (static_cast<unsigned char>(shown[end]) & 0xc0) == 0x80) ++end;
    ++seen;
    if (seen == characters - 1 && shown.size() - end > 4) {
      shown.resize(end);
      shown += "…";
      break;
    }
  }
  // gnuplot reads no text that begins with a doubled quote, so there are none.
  shown = replaced(shown, "'", "’");
  // Its SVG terminal passes these as they are, and they make XML that no viewer opens.
  shown = replaced(shown, "]]>", "]] >");
  shown = replaced(shown, "&#", "& #");
  shown = replaced(shown, "\xef\xbf\xbe", "?");
  shown = replaced(shown, "\xef\xbf\xbf", "?");
  return "'" + shown + "'";
}

std::string figure_script(const Figure& figure) {
  const std::vector<Series> legend = legend_of(figure);
  const Layout layout = layout_of(legend);
  std::string out = fmt::format(
      "# gnuplot -d {0}.gp draws {0}.svg and {0}.pdf in the present folder.\n"
      "set encoding utf8\nset decimalsign '.'\nset style fill noborder\nset boxwidth {2}\n"
      "set border 3 lw 0.8 lc rgb '#404040'\nset tics nomirror out scale 0.6\n"
      "set xlabel offset 0,0.6\n"
      "set grid ytics lt 1 lw 0.5 lc rgb '#D8D8D8'\n{1}",
      figure.slug, data_blocks(figure), kBarWidth);
  out += fmt::format(
      "do for [format in 'svg pdf'] {{\n"
      "if (format eq 'svg') {{ set terminal svg noenhanced size {0},{1} name 'figure' background "
      "rgb "
      "'white' font 'DejaVu Sans,13' }}\n"
      "if (format eq 'pdf') {{ set terminal pdfcairo noenhanced size {2:.3f}in,{3:.3f}in fontscale "
      "1 "
      "font 'DejaVu Sans,6.5' linewidth 1.3 dashlength 1.3 }}\n"
      "set output '{4}.'.format\n"
      "set multiplot\n",
      kFigureWidth, layout.height, kFigureWidth / 108, layout.height / 108, figure.slug);
  const double width = kFigureWidth / static_cast<double>(figure.panels.size());
  const double bottom = layout.legend_height() + kBelowPanel;
  size_t serial = 0;
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    const double left = width * static_cast<double>(i);
    out += fmt::format(
        "set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n"
        "set bmargin at screen {:.4f}\nset tmargin at screen {:.4f}\nunset label\nunset key\n",
        (left + kPanelLeft) / kFigureWidth, (left + width - kPanelRight) / kFigureWidth,
        layout.from_below(bottom), layout.from_below(bottom + kPanelHeight));
    // gnuplot's own place for it depends on the numbers beside, and may be outside.
    out += fmt::format("set label {} at screen {:.4f},{:.4f} center rotate by 90\n",
                       gnuplot_text(figure.panels[i].y.label), (left + 16) / kFigureWidth,
                       layout.from_below(bottom + kPanelHeight / 2));
    if (i == 0) {
      out += fmt::format(
          "set label {} at screen 0.5,{:.4f} center\n"
          "set key at screen 0.02,{:.4f} left top Left reverse vertical maxrows {} samplen 4 width "
          "1\n",
          gnuplot_text(figure.title, 95), layout.from_below(layout.height - 16),
          layout.from_below(layout.legend_height() - 6), std::max<size_t>(1, layout.rows));
    }
    out += panel_script(figure.panels[i], serial, i == 0 ? legend : std::vector<Series>{});
    serial += figure.panels[i].series.size();
  }
  return out + "unset multiplot\nset output\n}\n";
}

}  // namespace seqsweep
