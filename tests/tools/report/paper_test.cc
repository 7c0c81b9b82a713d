#include "tools/report/paper.h"

#include <gmock/gmock.h>

#include "core/base/error.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(Paper, HasItsFourTables) {
  EXPECT_EQ(paper().rows.size(), 21U);
  ASSERT_EQ(paper().datasets.size(), 3U);
  for (const PaperRow& row : paper().rows) {
    EXPECT_NE(paper().find_dataset(row.dataset), nullptr) << row.dataset;
    EXPECT_FALSE(row.hit_10.empty()) << row.label;
    EXPECT_FALSE(row.params.empty()) << row.label;
  }
  EXPECT_EQ(paper().find_dataset("ml-1m")->title, "MovieLens-1M");
  EXPECT_EQ(paper().find_dataset("ml-1m")->interactions, "999611");
}

TEST(Paper, FiguresStandAsPrinted) {
  const PaperRow* row = paper().find("amazon-beauty-2023", "sasrec");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->label, "SASRec");
  EXPECT_EQ(row->hit_10, "0.048");
  EXPECT_EQ(row->latency, "0.117");
  EXPECT_EQ(row->params, "14M");
  EXPECT_EQ(row->params_no_embedding, "100k");
  EXPECT_EQ(paper().find("amazon-beauty-2023", "2mamba4rec")->latency, "0.0110");
  EXPECT_EQ(paper().find("ml-1m", "hydra4rec")->params_no_embedding, "");
  EXPECT_EQ(paper().find("ml-1m", "llamarec")->mrr_10, "") << "the paper prints '-'";
  EXPECT_EQ(paper().find("ml-1m", "popularity"), nullptr);
}

TEST(Paper, OrdersModelsAsTheTableOfTheDataset) {
  EXPECT_LT(paper().rank("ml-1m", "hydra4rec"), paper().rank("ml-1m", "llamarec"));
  EXPECT_LT(paper().rank("amazon-beauty-2023", "llamarec"),
            paper().rank("amazon-beauty-2023", "hydra4rec"));
  EXPECT_LT(paper().rank("elsewhere", "sasrec"), paper().rank("elsewhere", "mamba4rec"));
  EXPECT_LT(paper().rank("elsewhere", "gpt4rec"), paper().rank("elsewhere", "popularity"));
  EXPECT_EQ(paper().rank("ml-1m", "lightfm"), paper().rank("ml-1m", "popularity"));
}

TEST(Paper, EveryModelHasANameForPeople) {
  EXPECT_EQ(paper().label("2mamba4rec"), "2Mamba4Rec");
  EXPECT_EQ(paper().label("lightfm"), "LightFM");
  EXPECT_EQ(paper().label("lrurec"), "LRURec");
  EXPECT_EQ(paper().label("popularity"), "Popularity");
  EXPECT_EQ(paper().label("my_own"), "my_own");
}

TEST(Paper, ALineWithAFieldTooFewIsNamed) {
  try {
    parse_paper("dataset,model\n", "a,b,c,d,e,f\n");
    FAIL() << "took two fields for nine";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 1: needs 9 fields, has 2"));
  }
}

}  // namespace
}  // namespace seqsweep
