#include "tools/report/latency_figure.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::optional<Figure> figure_of(const std::vector<ResultRow>& rows) {
  return latency_figure(summarize(rows, paper())[0], paper(), "figure_latency_x");
}

TEST(LatencyFigure, ThePointsThatNoneBeatsAreTheFront) {
  const auto figure = figure_of({done_row(run_config("toy", "fast", 1), 0.05, 1),
                                 done_row(run_config("toy", "good", 1), 0.2, 10),
                                 done_row(run_config("toy", "beaten", 1), 0.1, 20)});
  ASSERT_TRUE(figure);
  const Panel& panel = figure->panels[0];
  EXPECT_TRUE(panel.x.logarithmic);
  const auto front = std::ranges::find(panel.series, Look::Front, &Series::look);
  ASSERT_NE(front, panel.series.end());
  ASSERT_EQ(front->points.size(), 2U);
  EXPECT_EQ(front->points[0].x, 1);
  EXPECT_DOUBLE_EQ(front->points[1].y, 0.4);
  EXPECT_EQ(panel.labels.size(), 3U);
  EXPECT_EQ(panel.labels[0].text, "beaten");
  EXPECT_THAT(figure->csv, HasSubstr("\ntoy,,ours,beaten,,20,18,22,0.2,0.2,0.2,0\n"));
  EXPECT_THAT(figure->csv, HasSubstr("\ntoy,,ours,fast,,1,0.9,1.1,0.1,0.1,0.1,1\n"));
}

TEST(LatencyFigure, ThePapersPointsAreHollowAndInOurMarkers) {
  const auto figure = figure_of({done_row(run_config("ml-1m", "sasrec", 1), 0.1, 0.2)});
  ASSERT_TRUE(figure);
  std::vector<const Series*> hollow;
  for (const Series& series : figure->panels[0].series) {
    if (series.look == Look::Hollow) hollow.push_back(&series);
  }
  ASSERT_EQ(hollow.size(), 6U);  // LlamaRec has no latency there.
  EXPECT_EQ(hollow[0]->points[0].x, 0.128);
  EXPECT_EQ(hollow[0]->points[0].y, 0.224);
  EXPECT_EQ(hollow[0]->style, 0U);
  EXPECT_THAT(figure->notes, Contains(HasSubstr("names no unit")));
  EXPECT_THAT(figure->csv, HasSubstr("\nml-1m,,paper,hydra4rec,,0.0005,,,0.308,,,1\n"));
}

TEST(LatencyFigure, TheFrontStrikesOutNoName) {
  const auto figure = figure_of({done_row(run_config("toy", "fast", 1), 0.05, 1),
                                 done_row(run_config("toy", "good", 1), 0.2, 100)});
  ASSERT_TRUE(figure);
  const std::vector<PointLabel>& labels = figure->panels[0].labels;
  ASSERT_EQ(labels.size(), 2U);
  ASSERT_EQ(labels[0].text, "fast");
  EXPECT_EQ(labels[0].side, Side::Left) << "the line goes to the right";
  EXPECT_EQ(labels[1].side, Side::Right);
}

TEST(LatencyFigure, ManyRowsThatMissTheSameShareANote) {
  std::vector<ResultRow> runs = {done_row(run_config("toy", "net", 1), 0.1, 1)};
  for (const char* model : {"a", "b", "c", "d"}) {
    runs.push_back(open_row(run_config("toy", model, 1), "pending"));
  }
  for (const char* model : {"e", "f", "g", "h"}) {
    runs.push_back(done_row(run_config("toy", model, 1), 0.1, std::nan("")));
  }
  const auto figure = figure_of(runs);
  ASSERT_TRUE(figure);
  EXPECT_THAT(figure->notes, Contains("4 rows have no finished run yet."));
  EXPECT_THAT(figure->notes, Contains("4 rows: no latency was measured."));
}

TEST(LatencyFigure, OfAModelWithSeveralSettingsTheBestPointIsNamed) {
  const auto figure = figure_of({done_row(run_config("toy", "net", 1, "adam"), 0.1, 1),
                                 done_row(run_config("toy", "net", 1, "usgm"), 0.2, 2)});
  ASSERT_TRUE(figure);
  ASSERT_EQ(figure->panels[0].labels.size(), 1U);
  EXPECT_EQ(figure->panels[0].labels[0].text, "net");
  EXPECT_EQ(figure->panels[0].labels[0].at.x, 2);
  EXPECT_THAT(figure->notes, Contains(HasSubstr("settings of one model")));
}

TEST(LatencyFigure, WhatIsMissingIsSaid) {
  ResultRow unmeasured = done_row(run_config("toy", "slow", 1), 0.1, std::nan(""));
  const auto figure = figure_of({done_row(run_config("toy", "net", 1), 0.1, 1), unmeasured,
                                 open_row(run_config("toy", "net", 2), "pending")});
  ASSERT_TRUE(figure);
  EXPECT_THAT(figure->notes, Contains("slow: no latency was measured."));
  EXPECT_THAT(figure->notes, Contains("net: 1 of 2 runs done."));
  EXPECT_FALSE(figure_of({unmeasured}));
}

}  // namespace
}  // namespace seqsweep
