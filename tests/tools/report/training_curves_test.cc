#include "tools/report/training_curves.h"

#include <gmock/gmock.h>

#include "db/queries.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class TrainingCurvesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.add_sweep("s", "name: s",
                     std::vector{planned_run("a1", run_config("toy", "net", 1)),
                                 planned_run("a2", run_config("toy", "net", 2)),
                                 planned_run("u1", run_config("toy", "net", 1, "usgm")),
                                 planned_run("u2", run_config("toy", "net", 2, "usgm"))});
  }
  std::vector<Figure> figures() {
    all_ = summarize(read_results(store_.database()), paper());
    const Comparison comparison = comparisons(all_[0])[0];
    curves_ = training_curves(store_.database(), comparison);
    return training_figures(comparison, curves_, "figure3_x");
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db"};
  std::vector<DatasetResults> all_;
  std::vector<TrainingCurve> curves_;
};

TEST_F(TrainingCurvesTest, MeansOverSeedsWithABand) {
  finish_with_curves(store_, "a1", 0.1);
  finish_with_curves(store_, "a2", 0.2);
  finish_with_curves(store_, "u1", 0.3);
  const auto drawn = figures();
  ASSERT_EQ(drawn.size(), 3U);
  EXPECT_EQ(drawn[0].title, "net on toy");
  ASSERT_EQ(drawn[0].panels.size(), 2U);
  const Series& adam = drawn[0].panels[0].series[0];
  EXPECT_EQ(adam.label, "adam");
  ASSERT_EQ(adam.points.size(), 3U);
  EXPECT_EQ(adam.points[1].x, 2);
  EXPECT_DOUBLE_EQ(adam.points[1].y, 0.3);
  EXPECT_DOUBLE_EQ(adam.points[1].low, 0.2);
  EXPECT_DOUBLE_EQ(adam.points[1].high, 0.4);
  EXPECT_EQ(drawn[0].panels[1].series[0].points[2].y, 1);
  EXPECT_THAT(drawn[0].notes, Contains("usgm: 1 of 2 runs done."));
  EXPECT_THAT(drawn[0].csv, HasSubstr("\ntoy,,net,,usgm,2,1,3,30,60,0.8"));
}

TEST_F(TrainingCurvesTest, TheSameOverStepsAndSeconds) {
  for (const char* run : {"a1", "u1"}) finish_with_curves(store_, run, 0.1);
  const auto drawn = figures();
  ASSERT_EQ(drawn.size(), 3U);
  EXPECT_EQ(drawn[1].slug, "figure3_x_steps");
  EXPECT_EQ(drawn[1].panels[0].series[1].points[1].x, 20);
  EXPECT_EQ(drawn[2].slug, "figure3_x_seconds");
  EXPECT_EQ(drawn[2].panels[0].series[1].points[1].x, 40);
  EXPECT_EQ(drawn[2].csv, "");
}

TEST_F(TrainingCurvesTest, OneOptimizerIsNoComparison) {
  finish_with_curves(store_, "a1", 0.1);
  finish(store_, "u1", result_of(0.1, 1));  // Done, but nothing is known of its epochs.
  EXPECT_TRUE(figures().empty());
  EXPECT_EQ(curves_[1].done, 1);
  EXPECT_TRUE(curves_[1].points.empty());
}

}  // namespace
}  // namespace seqsweep
