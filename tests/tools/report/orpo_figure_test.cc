#include "tools/report/orpo_figure.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"
#include "tools/report/figure_script.h"
#include "tools/report/gnuplot.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

Json before_config(const std::string& dataset, int64_t seed) {
  Json config = run_config(dataset, "llamarec", seed);
  config["objective"] = {{"name", "rank_candidates"}, {"candidates", 20}};
  return config;
}

Json after_config(const std::string& dataset, int64_t seed) {
  Json config = run_config(dataset, "llamarec", seed, "paged_adamw");
  config["objective"] = {{"name", "orpo"}, {"beta", 0.1}};
  config["needs"] = {{"start", before_config(dataset, seed)}};
  return config;
}

DatasetResults pairs_of_seeds(int64_t seeds) {
  std::vector<ResultRow> runs;
  for (int64_t seed = 1; seed <= seeds; ++seed) {
    const double x = 0.1 + 0.01 * static_cast<double>(seed);
    runs.push_back(done_row(before_config("ml-1m", seed), x, 1));
    runs.push_back(done_row(after_config("ml-1m", seed), x + 0.02, 1));
  }
  return summarize(runs, paper()).front();
}

TEST(OrpoFigure, SeedsArePairedWithTheRunsThatTheyStartFrom) {
  const DatasetResults results = pairs_of_seeds(3);
  ASSERT_EQ(results.models.size(), 2U) << "seeds are one row, although what they need differs";
  const auto pairs = orpo_pairs(results);
  ASSERT_EQ(pairs.size(), 1U);
  ASSERT_EQ(pairs[0].pairs.size(), 3U);
  for (const auto& [before, after] : pairs[0].pairs) {
    EXPECT_EQ(before->seed, after->seed);
    EXPECT_NEAR(after->ndcg_10 - before->ndcg_10, 0.02, 1e-12);
  }
}

TEST(OrpoFigure, ShowsMeansAndTestsOverSeeds) {
  const DatasetResults results = pairs_of_seeds(5);
  const auto figure = orpo_figure(results, orpo_pairs(results)[0], "figure2");
  ASSERT_TRUE(figure);
  ASSERT_EQ(figure->panels.size(), 1U);
  const Panel& panel = figure->panels[0];
  EXPECT_EQ(panel.x.places, (std::vector<std::string>{"HT@10", "NDCG@10", "MRR@10"}));
  ASSERT_EQ(panel.series.size(), 2U);
  EXPECT_NEAR(panel.series[0].points[1].y, 0.13, 1e-12);
  EXPECT_NEAR(panel.series[1].points[1].y, 0.15, 1e-12);
  EXPECT_NEAR(panel.series[1].points[1].high, 0.15 + 0.0158113883, 1e-9);
  EXPECT_THAT(figure->notes, Contains("NDCG@10: +0.0200 (×1.154), p = 0.0625 over 5 seeds."));
  EXPECT_THAT(figure->csv, HasSubstr("ml-1m,,llamarec,"));
  EXPECT_THAT(figure->csv, HasSubstr(",ndcg_10,1,0.11,0.13\n"));
}

TEST(OrpoFigure, WaitsForBothAndSaysHowManyThereAre) {
  std::vector<ResultRow> runs = {done_row(before_config("ml-1m", 1), 0.1, 1),
                                 open_row(after_config("ml-1m", 1), "pending")};
  const DatasetResults none = summarize(runs, paper()).front();
  EXPECT_FALSE(orpo_figure(none, orpo_pairs(none)[0], "x"));
  runs.push_back(done_row(before_config("ml-1m", 2), 0.1, 1));
  runs.push_back(done_row(after_config("ml-1m", 2), 0.2, 1));
  const DatasetResults half = summarize(runs, paper()).front();
  const auto figure = orpo_figure(half, orpo_pairs(half)[0], "x");
  ASSERT_TRUE(figure);
  EXPECT_THAT(figure->notes, Contains("1 of 2 pairs done."));
  EXPECT_THAT(figure->notes, Contains("HT@10: +0.2000 (×2.000)."));
  EXPECT_TRUE(
      orpo_pairs(summarize({done_row(run_config("ml-1m", "sasrec", 1), 0.1, 1)}, paper()).front())
          .empty());
}

TEST(OrpoFigure, GnuplotDrawsIt) {
  if (!gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed";
  const DatasetResults results = pairs_of_seeds(3);
  const auto figure = orpo_figure(results, orpo_pairs(results)[0], "figure2");
  const std::string svg = draw({{"figure2", figure_script(*figure)}})[0].svg;
  EXPECT_THAT(svg, HasSubstr("NDCG@10"));
  EXPECT_THAT(svg, HasSubstr("After ORPO"));
}

}  // namespace
}  // namespace seqsweep
