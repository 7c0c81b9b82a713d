#include "tools/report/results.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names_of(const DatasetResults& results) {
  std::vector<std::string> names;
  for (const ModelResults& row : results.models) names.push_back(row.name());
  return names;
}

TEST(Results, SeedsOfAConfigAreOneRow) {
  const auto all = summarize({done_row(run_config("ml-1m", "sasrec", 2), 0.2, 3),
                              done_row(run_config("ml-1m", "sasrec", 1), 0.1, 1),
                              open_row(run_config("ml-1m", "sasrec", 3), "pending")},
                             paper());
  ASSERT_EQ(all.size(), 1U);
  ASSERT_EQ(all[0].models.size(), 1U);
  const ModelResults& row = all[0].models[0];
  EXPECT_EQ(row.name(), "SASRec");
  EXPECT_EQ(row.done, 2);
  ASSERT_EQ(row.runs.size(), 3U);
  EXPECT_EQ(row.runs[0].seed, 1);
  EXPECT_EQ(row.runs[2].status, "pending");
  EXPECT_EQ(row.ndcg_10.n, 2);
  EXPECT_DOUBLE_EQ(row.ndcg_10.mean, 0.15);
  EXPECT_DOUBLE_EQ(row.hit_10.mean, 0.3);
  EXPECT_DOUBLE_EQ(row.mrr_10.mean, 0.075);
  EXPECT_DOUBLE_EQ(row.latency_ms.mean, 2);
  EXPECT_EQ(row.params, 320'000);
  ASSERT_NE(row.paper, nullptr);
  EXPECT_EQ(row.paper->hit_10, "0.224");
}

TEST(Results, SeedsOfARunThatNeedsOthersAreOneRow) {
  const auto ranked = [](int64_t seed) {
    Json config = run_config("ml-1m", "ranker", seed);
    config["needs"]["retriever"] = run_config("ml-1m", "sasrec", seed);
    return config;
  };
  const auto all = summarize({done_row(ranked(1), 0.1, 1), done_row(ranked(2), 0.2, 1)}, paper());
  ASSERT_EQ(all[0].models.size(), 1U);
  EXPECT_EQ(all[0].models[0].done, 2);
  EXPECT_EQ(all[0].models[0].settings, "");
}

TEST(Results, TheLatencyIntervalCoversThoseOfTheRuns) {
  const auto all = summarize({done_row(run_config("ml-1m", "sasrec", 1), 0.1, 10),
                              done_row(run_config("ml-1m", "sasrec", 2), 0.1, 20)},
                             paper());
  EXPECT_DOUBLE_EQ(all[0].models[0].latency_low_ms, 9);
  EXPECT_DOUBLE_EQ(all[0].models[0].latency_high_ms, 22);
}

TEST(Results, FiguresOfRunsThatAreNotDoneDoNotCount) {
  ResultRow failed = done_row(run_config("ml-1m", "sasrec", 2), 0.9, 1);
  failed.status = "failed";
  const auto all =
      summarize({done_row(run_config("ml-1m", "sasrec", 1), 0.1, 10), failed}, paper());
  EXPECT_EQ(all[0].models[0].ndcg_10.n, 1);
  EXPECT_EQ(all[0].models[0].ndcg_10.mean, 0.1);
  EXPECT_DOUBLE_EQ(all[0].models[0].latency_low_ms, 9);
}

TEST(Results, ModelsStandInThePapersOrderThenByName) {
  std::vector<ResultRow> runs;
  for (const char* model :
       {"zebra", "hydra4rec", "popularity", "2mamba4rec", "sasrec", "llamarec"}) {
    runs.push_back(done_row(run_config("ml-1m", model, 1), 0.1, 1));
  }
  const auto all = summarize(runs, paper());
  EXPECT_THAT(names_of(all[0]),
              ElementsAre("SASRec", "2Mamba4Rec", "Hydra4Rec", "LlamaRec", "Popularity", "zebra"));
}

TEST(Results, OptimizersOfAModelAreRowsOfTheirOwn) {
  const auto all = summarize({done_row(run_config("ml-1m", "sasrec", 1, "usgm"), 0.1, 1),
                              done_row(run_config("ml-1m", "sasrec", 1, "adam"), 0.1, 1),
                              done_row(run_config("ml-1m", "hydra4rec", 1, "usgm"), 0.1, 1)},
                             paper());
  EXPECT_THAT(names_of(all[0]), ElementsAre("SASRec (adam)", "SASRec (usgm)", "Hydra4Rec"));
}

TEST(Results, DatasetsStandInThePapersOrderThenByName) {
  std::vector<ResultRow> runs;
  for (const char* dataset : {"zoo", "ml-1m", "a-set", "amazon-beauty-2023"}) {
    runs.push_back(done_row(run_config(dataset, "sasrec", 1), 0.1, 1));
  }
  std::vector<std::string> titles;
  for (const DatasetResults& results : summarize(runs, paper())) titles.push_back(results.title());
  EXPECT_THAT(titles, ElementsAre("Amazon Reviews '23 Beauty and Personal care", "MovieLens-1M",
                                  "a-set", "zoo"));
}

// Figures on differently filtered data must not be compared.
TEST(Results, DatasetsOfOneNameButOtherSettingsAreApart) {
  Json longer = run_config("ml-1m", "sasrec", 1);
  longer["dataset"]["max_length"] = 200;
  const auto all = summarize(
      {done_row(run_config("ml-1m", "sasrec", 1), 0.1, 1), done_row(longer, 0.2, 1)}, paper());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].title(), "MovieLens-1M (max_length=200)");
  EXPECT_EQ(all[1].title(), "MovieLens-1M (max_length=50)");
  EXPECT_EQ(all[0].models[0].name(), "SASRec");
}

TEST(Results, TheOrderOfTheRunsDoesNotMatter) {
  std::vector<ResultRow> runs;
  for (const char* model : {"sasrec", "hydra4rec", "zebra"}) {
    for (const char* optimizer : {"adam", "usgm"}) {
      for (int64_t seed = 1; seed <= 3; ++seed) {
        runs.push_back(done_row(run_config("ml-1m", model, seed, optimizer),
                                0.1 * static_cast<double>(seed), 1.7));
      }
    }
  }
  const auto forward = summarize(runs, paper());
  std::ranges::reverse(runs);
  const auto backward = summarize(runs, paper());
  EXPECT_EQ(names_of(forward[0]), names_of(backward[0]));
  for (size_t i = 0; i < forward[0].models.size(); ++i) {
    EXPECT_EQ(forward[0].models[i].ndcg_10.mean, backward[0].models[i].ndcg_10.mean);
    EXPECT_EQ(forward[0].models[i].ndcg_10.sd, backward[0].models[i].ndcg_10.sd);
  }
}

}  // namespace
}  // namespace seqsweep
