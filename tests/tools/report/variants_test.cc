#include "tools/report/variants.h"

#include <gmock/gmock.h>

#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

TEST(Variants, OptimizersOfAModelAreCompared) {
  const auto all = summarize({done_row(run_config("ml-1m", "sasrec", 1, "usgm"), 0.1, 1),
                              open_row(run_config("ml-1m", "sasrec", 2, "usgm"), "pending"),
                              done_row(run_config("ml-1m", "sasrec", 1, "adam"), 0.1, 1),
                              done_row(run_config("ml-1m", "hydra4rec", 1, "usgm"), 0.1, 1)},
                             paper());
  const auto compared = comparisons(all[0]);
  ASSERT_EQ(compared.size(), 2U);
  EXPECT_EQ(compared[0].title(), "SASRec on MovieLens-1M");
  EXPECT_EQ(compared[0].file_part(), "ml-1m_sasrec");
  ASSERT_EQ(compared[0].variants.size(), 2U);
  EXPECT_EQ(compared[0].variants[0].label, "adam");
  EXPECT_EQ(compared[0].variants[1].label, "usgm");
  EXPECT_EQ(compared[0].variants[1].style, 1U);
  EXPECT_EQ(compared[0].variants[1].done().size(), 1U);
  EXPECT_EQ(compared[1].variants.size(), 1U);
}

// Losses of different models, or of different objectives, do not compare.
TEST(Variants, OtherSettingsOfTheModelOrObjectiveAreOtherFigures) {
  std::vector<ResultRow> rows;
  for (const char* optimizer : {"adam", "usgm"}) {
    for (const int layers : {1, 2}) {
      Json config = run_config("toy", "net", 1, optimizer);
      config["model"]["layers"] = layers;
      config["train"]["epochs"] = optimizer == std::string("adam") ? 5 : 7;
      rows.push_back(done_row(config, 0.1, 1));
    }
  }
  const auto all = summarize(rows, paper());
  const auto compared = comparisons(all[0]);
  ASSERT_EQ(compared.size(), 2U);
  EXPECT_EQ(compared[0].title(), "net (layers=1) on toy");
  EXPECT_EQ(compared[1].file_part(), "toy_net-layers=2");
  EXPECT_EQ(compared[1].variants[0].label, "adam, train.epochs=5");
}

}  // namespace
}  // namespace seqsweep
