#include "tools/export/tensorboard.h"

#include "tests/tools/export/decode.h"
#include "tests/tools/export/support.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

class TensorBoard : public ::testing::Test {
 protected:
  TensorBoard() : store_(folder_ / "results.db") {
    fill_for_export(store_);
    runs_ = export_tensorboard(store_.database(), folder_ / "curves", 5'000'000);
  }
  TemporaryFolder folder_;
  RunStore store_;
  int64_t runs_ = 0;
};

TEST_F(TensorBoard, EachBegunRunHasAFile) {
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(files_in(folder_ / "curves"), 3U);
  const fs::path run = folder_ / "curves/tiny_sweep/toy.net.adam.s1.a";
  ASSERT_TRUE(fs::is_directory(run));
  const fs::path file = fs::directory_iterator(run)->path();
  EXPECT_EQ(file.filename().string().substr(0, 20), "events.out.tfevents.");
  std::vector<std::pair<int64_t, float>> curve;
  for (const DecodedScalar& one : decode_scalars(read_file(file))) {
    if (one.tag == "validation/ndcg@10") curve.emplace_back(one.step, one.value);
  }
  const std::vector<std::pair<int64_t, float>> expected = {{1, 0.125F}, {2, 0.25F}, {3, 0.375F}};
  EXPECT_EQ(curve, expected);
}

TEST_F(TensorBoard, TheRealOneReadsIt) {
  if (!python_has("tensorboard")) {
    GTEST_SKIP() << "SEQSWEEP_PYTHON names no python with tensorboard";
  }
  const Json read = read_export("tensorboard", folder_ / "curves");
  ASSERT_EQ(read.size(), 3U);
  const Json& run = read.at("tiny_sweep/toy.net.adam.s1.a");
  EXPECT_EQ(run.at("scalars").at("validation/ndcg@10"), (Json{{1, 0.125}, {2, 0.25}, {3, 0.375}}));
  EXPECT_EQ(run.at("scalars").at("step/loss").size(), 6U);
  EXPECT_EQ(run.at("scalars").at("result/params"), (Json{{3, 320'000}}));
  EXPECT_NE(run.at("settings").get<std::string>().find("| model.name | net |"), std::string::npos);
}

}  // namespace
}  // namespace seqsweep
