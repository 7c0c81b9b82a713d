#include "tools/report/ablation.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"
#include "tools/report/markdown.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

Json config_with(const std::string& model, double lr, int64_t seed, int64_t layers = 2) {
  Json config = run_config("toy", model, seed);
  config["optimizer"]["lr"] = lr;
  config["model"]["layers"] = layers;
  return config;
}

std::vector<DatasetResults> results() {
  return summarize(
      {done_row(config_with("a", 0.01, 1), 0.125, 1), done_row(config_with("a", 0.01, 2), 0.375, 1),
       done_row(config_with("a", 0.1, 1), 0.3, 1), done_row(config_with("b", 0.01, 1), 0.4, 1),
       open_row(config_with("b", 0.1, 1), "pending")},
      paper());
}

TEST(Ablation, ACellIsTheMeanOfTheRunsThatHaveBothSettings) {
  const auto made = ablations(results(), {"model", "optimizer.lr"});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].file_part, "toy_model_optimizer.lr_ndcg_10");
  EXPECT_EQ(markdown(made[0].table),
            "## toy: NDCG@10 by model and optimizer.lr\n"
            "\n"
            "| model | 0.01 | 0.1 |\n"
            "| :--- | ---: | ---: |\n"
            "| a | 0.2500 ± 0.1768 (2) | 0.3000 |\n"
            "| b | **0.4000** | – |\n"
            "\n"
            "- Mean ± standard deviation (runs) over all runs that have both settings; the best "
            "cell in bold.\n"
            "- 1 runs are not done.\n");
  EXPECT_EQ(made[0].csv,
            "rows,columns,metric,runs,mean,sd,low,high\n"
            "a,0.01,ndcg_10,2,0.25,0.1767766952966369,0.125,0.375\n"
            "a,0.1,ndcg_10,1,0.3,,0.3,0.3\n"
            "b,0.01,ndcg_10,1,0.4,,0.4,0.4\n"
            "b,0.1,ndcg_10,0,,,,\n");
}

TEST(Ablation, SaysInWhatElseTheRunsOfACellDiffer) {
  const auto all = summarize({done_row(config_with("a", 0.01, 1, 2), 0.1, 1),
                              done_row(config_with("a", 0.1, 1, 4), 0.2, 1)},
                             paper());
  const auto made = ablations(all, {"model", "seed", "latency_ms"});
  EXPECT_THAT(made[0].table.notes,
              ::testing::Contains(HasSubstr("differ also in: model.layers, optimizer.lr.")));
}

TEST(Ablation, NumbersAreSortedAsNumbers) {
  const auto all = summarize(
      {done_row(config_with("a", 0.1, 10), 0.1, 1), done_row(config_with("a", 0.1, 9), 0.1, 1)},
      paper());
  const Table table = ablations(all, {"seed", "model"})[0].table;
  EXPECT_EQ(table.rows[0][0].text, "9");
  EXPECT_EQ(table.rows[1][0].text, "10");
}

TEST(Ablation, NumbersAreShort) {
  const auto all = summarize({done_row(config_with("a", 10.0, 1), 0.1, 1)}, paper());
  EXPECT_EQ(ablations(all, {"optimizer.lr", "model"})[0].table.rows[0][0].text, "10");
}

TEST(Ablation, OverDatasetsIsOneTable) {
  const auto all = summarize(
      {done_row(run_config("x", "a", 1), 0.1, 1), done_row(run_config("y", "a", 1), 0.2, 1)},
      paper());
  const auto made = ablations(all, {"model", "dataset"});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].table.columns.size(), 3U);
  EXPECT_EQ(ablations(all, {"model", "seed"}).size(), 2U);
}

TEST(Ablation, AnUnknownKeyOrMetricNamesTheNearest) {
  const Error key = error_of([] { ablations(results(), {"modle", "seed"}); });
  EXPECT_EQ(key.fault(), Fault::Input);
  EXPECT_THAT(key.what(), HasSubstr("'modle' came; did you mean 'model'?"));
  EXPECT_THAT(key.what(), HasSubstr("optimizer.lr"));
  const Error metric = error_of([] { ablations(results(), {"model", "seed", "ndcg"}); });
  EXPECT_THAT(metric.what(), HasSubstr("ndcg_10"));
}

}  // namespace
}  // namespace seqsweep
