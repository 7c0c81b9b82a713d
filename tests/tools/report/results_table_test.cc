#include "tools/report/results_table.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kN = 1, kHit = 2, kNdcg = 3, kLatency = 5, kParams = 6;  // Without the paper.

Table table_of(const std::vector<ResultRow>& runs) {
  return results_table(summarize(runs, paper()).front());
}

std::vector<std::string> column_names(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

TEST(ResultsTable, HasThePapersFiguresBesideOursWhereItHasTheDataset) {
  const Table table = table_of({done_row(run_config("ml-1m", "sasrec", 1), 0.1, 0.5)});
  EXPECT_EQ(table.paper_table, 3);
  EXPECT_THAT(column_names(table),
              ElementsAre("Model", "n", "HT@10", "Paper", "NDCG@10", "Paper", "MRR@10", "Paper",
                          "Latency (ms)", "Paper", "# Parameters", "Paper"));
  EXPECT_EQ(table.rows[0][3].text, "0.224");
  EXPECT_EQ(table.rows[0][11].text, "320k (100k)");
  EXPECT_EQ(table.rows[0][10].text, "320k (100k)");
  EXPECT_EQ(table.rows[0][11].spread, "×1.00");

  const Table other = table_of({done_row(run_config("toy", "sasrec", 1), 0.1, 0.5)});
  EXPECT_EQ(other.paper_table, 0);
  EXPECT_THAT(column_names(other), ElementsAre("Model", "n", "HT@10", "NDCG@10", "MRR@10",
                                               "Latency (ms)", "# Parameters"));
}

TEST(ResultsTable, SpreadNeedsTwoRuns) {
  const Table one = table_of({done_row(run_config("toy", "sasrec", 1), 0.1, 0.5)});
  EXPECT_EQ(one.rows[0][kNdcg].text, "0.1000");
  EXPECT_EQ(one.rows[0][kNdcg].spread, "");
  EXPECT_EQ(one.rows[0][kLatency].spread, "[0.450, 0.550]") << "a run has an interval of its own";
  const Table two = table_of({done_row(run_config("toy", "sasrec", 1), 0.1, 0.5),
                              done_row(run_config("toy", "sasrec", 2), 0.2, 0.5)});
  EXPECT_EQ(two.rows[0][kNdcg].text, "0.1500");
  EXPECT_EQ(two.rows[0][kNdcg].spread, "± 0.0707");
  EXPECT_EQ(two.rows[0][kN].text, "2");
}

TEST(ResultsTable, TheBestIsMarkedHighMetricsAndLowLatency) {
  const Table table = table_of({done_row(run_config("toy", "a", 1), 0.1, 0.5),
                                done_row(run_config("toy", "b", 1), 0.2, 0.7)});
  EXPECT_FALSE(table.rows[0][kNdcg].best);
  EXPECT_TRUE(table.rows[1][kNdcg].best);
  EXPECT_TRUE(table.rows[0][kLatency].best);
  EXPECT_FALSE(table.rows[1][kLatency].best);
  EXPECT_FALSE(table.rows[0][kParams].best);
}

TEST(ResultsTable, RowsThatShowTheSameAreAllBest) {
  const Table table = table_of({done_row(run_config("toy", "a", 1), 0.200001, 0.5),
                                done_row(run_config("toy", "b", 1), 0.2, 0.5),
                                done_row(run_config("toy", "c", 1), 0.1999, 0.6)});
  EXPECT_TRUE(table.rows[0][kNdcg].best);
  EXPECT_TRUE(table.rows[1][kNdcg].best);
  EXPECT_FALSE(table.rows[2][kNdcg].best);
}

TEST(ResultsTable, ALoneFigureIsNotBestOfAnything) {
  const Table table = table_of({done_row(run_config("toy", "a", 1), 0.1, 0.5),
                                open_row(run_config("toy", "b", 1), "pending")});
  EXPECT_FALSE(table.rows[0][kNdcg].best);
  EXPECT_FALSE(table.rows[1][kNdcg].best);
}

TEST(ResultsTable, LanguageModelsShowMillisecondsAndTokensBeside) {
  ResultRow language = done_row(run_config("toy", "llm", 1), 0.1, 4);
  language.tokens_per_s = 31.24;
  const Table table = table_of({done_row(run_config("toy", "a", 1), 0.1, 0.5), language});
  EXPECT_THAT(column_names(table), ElementsAre("Model", "n", "HT@10", "NDCG@10", "MRR@10",
                                               "Latency (ms)", "Tokens/s", "# Parameters"));
  EXPECT_EQ(table.rows[1][kLatency].text, "4.00");
  EXPECT_EQ(table.rows[1][kLatency].spread, "[3.60, 4.40]");
  EXPECT_TRUE(table.rows[0][kLatency].best);
  EXPECT_EQ(table.rows[0][kLatency + 1].text, "");
  EXPECT_EQ(table.rows[1][kLatency + 1].text, "31.2");
  EXPECT_THAT(table.notes, Contains(HasSubstr("Tokens/s: what language models read and wrote")));
}

TEST(ResultsTable, SaysWhatIsMissingAndWhy) {
  std::vector<ResultRow> runs = {done_row(run_config("toy", "a", 1), 0.1, 0.5),
                                 open_row(run_config("toy", "a", 2), "pending"),
                                 open_row(run_config("toy", "a", 3), "running"),
                                 open_row(run_config("toy", "b", 1), "failed", "out of memory"),
                                 open_row(run_config("toy", "b", 2), "failed", "out of memory"),
                                 open_row(run_config("toy", "b", 3), "failed", "loss is NaN")};
  const Table table = table_of(runs);
  EXPECT_EQ(table.rows[0][kN].text, "1/3");
  EXPECT_EQ(table.rows[1][kN].text, "0/3");
  EXPECT_EQ(table.rows[1][kHit].text, "");
  EXPECT_EQ(table.rows[1][kParams].text, "");
  EXPECT_THAT(table.notes, Contains("a: 1 of 3 runs done; 1 pending, 1 running."));
  EXPECT_THAT(table.notes, Contains("b, seeds 1, 2: failed: out of memory"));
  EXPECT_THAT(table.notes, Contains("b, seed 3: failed: loss is NaN"));
}

TEST(ResultsTable, ACompleteSweepMissesNothing) {
  const Table table = table_of({done_row(run_config("toy", "a", 1), 0.1, 0.5)});
  EXPECT_THAT(table.notes, Not(Contains(HasSubstr("done;"))));
  EXPECT_THAT(table.notes, Not(Contains(HasSubstr("failed"))));
}

TEST(ResultsCsv, HasEveryFigureInFullAndThePapers) {
  const auto all = summarize({done_row(run_config("ml-1m", "sasrec", 1), 0.125, 0.5),
                              done_row(run_config("ml-1m", "sasrec", 2), 0.375, 0.5),
                              open_row(run_config("ml-1m", "=cmd", 1), "pending")},
                             paper());
  EXPECT_EQ(results_csv(all[0]),
            "dataset,dataset_settings,model,settings,runs,done,"
            "hit_10,hit_10_sd,hit_10_paper,ndcg_10,ndcg_10_sd,ndcg_10_paper,"
            "mrr_10,mrr_10_sd,mrr_10_paper,"
            "latency_ms,latency_ms_sd,latency_low_ms,latency_high_ms,latency_paper,"
            "tokens_per_s,tokens_per_s_sd,params,params_no_embedding,params_paper,"
            "params_no_embedding_paper\n"
            "ml-1m,,sasrec,,2,2,"
            "0.5,0.3535533905932738,0.224,"
            "0.25,0.1767766952966369,0.117,"
            "0.125,0.08838834764831845,0.084,"
            "0.5,0,0.45,0.55,0.128,,,320000,100000,320k,100k\n"
            "ml-1m,,'=cmd,,1,0,,,,,,,,,,,,,,,,,,,,\n");
}

}  // namespace
}  // namespace seqsweep
