#include "tools/export/mlflow.h"

#include <gmock/gmock.h>

#include "tests/tools/export/support.h"

namespace seqsweep {
namespace {

class MlFlow : public ::testing::Test {
 protected:
  MlFlow() : store_(folder_ / "results.db") {
    fill_for_export(store_);
    runs_ = export_mlflow(store_.database(), folder_ / "ml runs", 5'000'000);
  }
  std::string file(const std::string& name) { return read_file(folder_ / ("ml runs/1/" + name)); }

  TemporaryFolder folder_;
  RunStore store_;
  int64_t runs_ = 0;
};

TEST(MlFlowName, IsOneThatItAllowsAndStaysBelowTheFolder) {
  EXPECT_EQ(mlflow_name("validation/ndcg@10"), "validation/ndcg_10");
  EXPECT_EQ(mlflow_name("../../etc//x y"), "_./_./etc/_/x_y");
  EXPECT_EQ(mlflow_name(""), "_");
}

TEST_F(MlFlow, RunsLieAsItsFileStoreHasThem) {
  EXPECT_EQ(runs_, 3);
  EXPECT_THAT(file("meta.yaml"), ::testing::HasSubstr("name: \"tiny sweep\"\n"));
  EXPECT_THAT(file("meta.yaml"), ::testing::HasSubstr("/ml%20runs/1\"\n"));
  EXPECT_THAT(file("a/meta.yaml"), ::testing::HasSubstr("\nstatus: 3\n"));
  EXPECT_THAT(file("c/meta.yaml"), ::testing::HasSubstr("\nstatus: 4\n"));
  EXPECT_EQ(file("a/params/model.name"), "net");
  EXPECT_EQ(file("c/tags/seqsweep.error"), "loss is NaN");
  EXPECT_THAT(file("a/metrics/validation/ndcg_10"),
              ::testing::MatchesRegex("[0-9]+ 0.125 1\n[0-9]+ 0.25 2\n[0-9]+ 0.375 3\n"));
}

TEST_F(MlFlow, TheRealOneReadsIt) {
  if (!python_has("mlflow")) GTEST_SKIP() << "SEQSWEEP_PYTHON names no python with mlflow";
  const Json read = read_export("mlflow", folder_ / "ml runs");
  ASSERT_EQ(read.size(), 3U);
  const Json& run = read.at("a");
  EXPECT_EQ(run.at("experiment"), "tiny sweep");
  EXPECT_EQ(run.at("status"), "FINISHED");
  EXPECT_EQ(read.at("c").at("status"), "FAILED");
  EXPECT_EQ(run.at("name"), "toy.net.adam.s1.a");
  EXPECT_EQ(read.at("b").at("name"), "../toy.n\"et\n.adam.s2.b");
  EXPECT_EQ(run.at("settings").at("seed"), "1");
  EXPECT_EQ(run.at("scalars").at("validation/ndcg_10"), (Json{{1, 0.125}, {2, 0.25}, {3, 0.375}}));
  EXPECT_EQ(run.at("scalars").at("result/params"), (Json{{3, 320'000}}));
}

}  // namespace
}  // namespace seqsweep
