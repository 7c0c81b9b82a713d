#include "tools/report/figure_script.h"

#include <gmock/gmock.h>

#include <regex>
#include <set>

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FigureScript, TextsAreLiterals) {
  EXPECT_EQ(gnuplot_text("it's `rm` \"q\" \\ %d @M _a^b"), "'it’s `rm` \"q\" \\ %d @M _a^b'");
  EXPECT_EQ(gnuplot_text("two\nlines'\n; !rm"), "'two\\nlines’\\n; !rm'");
  EXPECT_EQ(gnuplot_text("\xff"), "'\\xff'");
  EXPECT_EQ(gnuplot_text(""), "''");
}

// The SVG terminal passes these as they are.
TEST(FigureScript, TextsBreakNoXml) {
  EXPECT_EQ(gnuplot_text("]]> &#x0; &amp; <b>"), "']] > & #x0; &amp; <b>'");
  EXPECT_EQ(gnuplot_text("a\xef\xbf\xbe"), "'a?'");
}

TEST(FigureScript, LongTextsAreCutBetweenCharacters) {
  EXPECT_EQ(gnuplot_text("abcdefghijkl", 6), "'abcde…'");
  EXPECT_EQ(gnuplot_text("ääääääääää", 4), "'äää…'");
  EXPECT_EQ(gnuplot_text("abcdef", 6), "'abcdef'");
}

Figure two_curves() {
  Panel panel{.x = {.label = "Epochs", .from = 0}, .y = {.label = "Loss"}};
  panel.series = {
      {"adam", 0, Look::Curve, {{.x = 1, .y = 0.5, .low = 0.4, .high = 0.6}, {.x = 2, .y = kNone}}},
      {"usgm", 1, Look::Curve, {{.x = 1, .y = 0.25}}}};
  return {"figure3_toy", "net on toy", {panel, panel}, "", {}};
}

TEST(FigureScript, DataStandInBlocksOfNumbers) {
  const std::string script = figure_script(two_curves());
  EXPECT_THAT(script, HasSubstr("$d0 << END\n1 0.5 0.4 0.6 1 1\n2 NaN NaN NaN 2 2\nEND\n"));
  EXPECT_THAT(script, HasSubstr("$d3 << END\n1 0.25 0.25 0.25 1 1\nEND\n"));
  EXPECT_THAT(script, HasSubstr("set output 'figure3_toy.'.format\n"));
}

TEST(FigureScript, ACurveOfSeveralSeedsHasABandAndEachOneLegendEntry) {
  const std::string script = figure_script(two_curves());
  EXPECT_THAT(script, HasSubstr("$d0 using 1:3:4 with filledcurves"));
  EXPECT_THAT(script, Not(HasSubstr("$d1 using 1:3:4")));
  EXPECT_EQ(script.find("title 'usgm'"), script.rfind("title 'usgm'"));
  EXPECT_THAT(script, HasSubstr("title 'adam'"));
}

TEST(FigureScript, StylesAreToldApartWithoutColours) {
  const std::string script = figure_script(two_curves());
  EXPECT_THAT(script, HasSubstr("dt solid lw 1.8 pt 7"));
  EXPECT_THAT(script, HasSubstr("dt (9,4) lw 1.8 pt 5"));
}

// Colour and marker of every series of points, in their order.
std::vector<std::pair<std::string, int>> points_of(Look look, size_t styles) {
  Panel panel{.x = {.label = "ms"}, .y = {.label = "HT@10"}};
  for (size_t style = 0; style < styles; ++style) {
    panel.series.push_back({"", style, look, {{.x = 1, .y = 1}}});
  }
  const std::string script = figure_script({"x", "x", {panel}, "", {}});
  const std::regex drawn("with points lc rgb '(#[0-9A-F]+)' pt ([0-9]+)");
  std::vector<std::pair<std::string, int>> points;
  for (std::sregex_iterator match(script.begin(), script.end(), drawn), end; match != end; ++match)
    points.emplace_back((*match)[1], std::stoi((*match)[2]));
  return points;
}

TEST(FigureScript, PointsAreFilledTheirHollowOnesOutlinesAndNoTwoAlike) {
  const auto filled = points_of(Look::Points, 42), hollow = points_of(Look::Hollow, 42);
  ASSERT_EQ(filled.size(), 42U);
  ASSERT_EQ(hollow.size(), 42U);
  EXPECT_EQ(std::set(filled.begin(), filled.end()).size(), 42U);
  for (size_t i = 0; i < filled.size(); ++i) {
    EXPECT_TRUE(std::set({5, 7, 9, 11, 13, 15}).contains(filled[i].second)) << filled[i].second;
    EXPECT_EQ(hollow[i], (std::pair{filled[i].first, filled[i].second - 1}));
  }
}

TEST(FigureScript, ALogarithmicAxisOfFewDecadesNamesItsPlaces) {
  Figure figure = two_curves();
  figure.panels[0].x = {.label = "ms", .logarithmic = true, .from = 0.05, .to = 0.3};
  EXPECT_THAT(figure_script(figure),
              HasSubstr("set logscale x\nset xrange [0.05:0.3]\nset format x '%g'\n"
                        "set xtics (1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1)\n"));
}

}  // namespace
}  // namespace seqsweep
