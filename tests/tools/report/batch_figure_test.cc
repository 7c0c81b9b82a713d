#include "tools/report/batch_figure.h"

#include <gmock/gmock.h>

#include <cmath>

#include "db/queries.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

Json config_with(const std::string& schedule, const std::string& fit = "beta") {
  Json config = run_config("toy", "net", 1, "usgm");
  config["batch_schedule"] = {{"name", schedule}, {"fit", fit}};
  return config;
}

TEST(BatchFigure, ShowsTheRunsWhoseBatchesChange) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("s", "name: s",
                  std::vector{planned_run("c", config_with("constant")),
                              planned_run("a", config_with("adaptive"))});
  finish_with_curves(store, "c", 0.1);
  const auto pending = summarize(read_results(store.database()), paper());
  const Comparison before = comparisons(pending[0])[0];
  EXPECT_FALSE(batch_figure(before, batch_curves(store.database(), before), "x"));

  finish_with_curves(store, "a", 0.1);
  const auto all = summarize(read_results(store.database()), paper());
  const Comparison comparison = comparisons(all[0])[0];
  const auto figure = batch_figure(comparison, batch_curves(store.database(), comparison), "x");
  ASSERT_TRUE(figure);
  ASSERT_EQ(figure->panels.size(), 3U);
  const Panel& batch = figure->panels[0];
  ASSERT_EQ(batch.series.size(), 1U);
  EXPECT_EQ(batch.series[0].label, "adaptive batch");
  ASSERT_EQ(batch.series[0].points.size(), 3U);  // Without the last steps of the epochs.
  EXPECT_EQ(batch.series[0].points[1].x, 1.5);
  EXPECT_EQ(batch.series[0].points[1].y, 16);
  EXPECT_EQ(batch.x.to, 3);
  EXPECT_EQ(figure->panels[1].series[0].points[4].y, 3);
  EXPECT_FALSE(figure->panels[1].y.logarithmic);
  EXPECT_EQ(figure->panels[2].series[0].points[0].y, 0.5);
  EXPECT_EQ(figure->panels[2].series[1].points[1].y, 2);  // 4 / sqrt(4)
  EXPECT_THAT(figure->csv, HasSubstr("\ntoy,,net,,adaptive batch,1,10,1,4,1,0,0.5,4,2\n"));
}

TEST(BatchFigure, TheNoiseIsThatOfTheFit) {
  const StepRow row{.batch_size = 4, .c2 = 8};
  EXPECT_EQ((BatchCurve{}.noise(row)), 4);
  EXPECT_EQ((BatchCurve{.of_mean_square = true}.noise(row)), 2);

  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("s", "name: s",
                  std::vector{planned_run("a", config_with("adaptive", "beta_over_r2"))});
  finish_with_curves(store, "a", 0.1);
  const auto all = summarize(read_results(store.database()), paper());
  const auto curves = batch_curves(store.database(), comparisons(all[0])[0]);
  ASSERT_EQ(curves.size(), 1U);
  EXPECT_TRUE(curves[0].of_mean_square);
}

}  // namespace
}  // namespace seqsweep
