#include "tools/report/statistics_table.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"
#include "tools/report/csv.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

DatasetResults two_models() {
  DatasetResults made = summarize({done_row(run_config("toy", "a", 1), 0.1, 1),
                                   done_row(run_config("toy", "b", 1), 0.2, 1)},
                                  paper())
                            .front();
  made.models[0].against_best[kNdcg10] = {.users = 50,
                                          .low = 0.08,
                                          .high = 0.12,
                                          .difference = -0.1,
                                          .difference_low = -0.15,
                                          .difference_high = -0.05,
                                          .effect = -0.4,
                                          .p = 0.002,
                                          .p_bootstrap = 0.003,
                                          .p_holm = 0.02};
  made.models[1].against_best[kNdcg10] = {.best = true, .users = 50, .low = 0.18, .high = 0.22};
  return made;
}

TEST(StatisticsTable, ARowAModelThatWasTested) {
  const Table table = statistics_table(two_models());
  ASSERT_EQ(table.rows.size(), 2U) << "only NDCG@10 was";
  std::vector<std::string> texts;
  for (const Cell& cell : table.rows[0]) texts.push_back(cell.text);
  EXPECT_THAT(texts,
              ::testing::ElementsAre("a", "NDCG@10", "0.1000", "[0.0800, 0.1200]", "", "-0.1000",
                                     "[-0.1500, -0.0500]", "-0.40", "0.0020", "0.0030", "0.0200"));
  EXPECT_EQ(table.rows[0].back().mark, "†");
  EXPECT_EQ(table.rows[1][5].text, "best");
  EXPECT_TRUE(table.rows[1][2].best);
  EXPECT_THAT(table.notes[0], HasSubstr("Over 50 test users"));
}

TEST(StatisticsTable, CsvHasFullPrecision) {
  const std::string csv = statistics_csv(two_models());
  EXPECT_THAT(csv, HasSubstr("\ntoy,,a,,ndcg_10,1,0.1,,0.08,0.12,50,0,-0.1,-0.15,-0.05,-0.4,0.002,"
                             "0.003,0.02\n"));
  EXPECT_THAT(csv, HasSubstr("\ntoy,,b,,ndcg_10,1,0.2,,0.18,0.22,50,1,,,,,,,\n"));
}

}  // namespace
}  // namespace seqsweep
