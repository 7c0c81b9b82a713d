#include "tools/report/against_best.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/eval/significance.h"
#include "db/queries.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

constexpr size_t kUsers = 300;

class AgainstBestTest : public ::testing::Test {
 protected:
  void add(const std::vector<std::pair<std::string, std::vector<int32_t>>>& models) {
    std::vector<PlannedRun> runs;
    for (const auto& [model, ranks] : models) {
      runs.push_back(planned_run(model + std::to_string(runs.size()),
                                 run_config("toy", model, static_cast<int64_t>(runs.size()))));
    }
    store_.add_sweep("s", "name: s", runs);
    for (size_t i = 0; i < runs.size(); ++i) {
      finish(store_, runs[i].run_id, result_of_ranks(models[i].second));
    }
  }
  DatasetResults compared() {
    DatasetResults results = summarize(read_results(store_.database()), paper()).front();
    compare_with_best(store_.database(), results);
    return results;
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db"};
};

TEST_F(AgainstBestTest, TestsTheDifferencesOfTheSameUsers) {
  const auto strong = some_ranks(kUsers, 5, 1), weak = some_ranks(kUsers, 2, 2);
  add({{"a", weak}, {"b", strong}});
  const DatasetResults results = compared();
  const AgainstBest& test = results.models[0].against_best[kNdcg10];
  std::vector<double> differences;
  for (size_t user = 0; user < kUsers; ++user) {
    differences.push_back(ndcg_at(weak[user], 10) - ndcg_at(strong[user], 10));
  }
  EXPECT_EQ(test.users, 300);
  EXPECT_FALSE(test.best);
  EXPECT_NEAR(test.difference, results.models[0].ndcg_10.mean - results.models[1].ndcg_10.mean,
              1e-12);
  EXPECT_LT(test.difference_low, test.difference);
  EXPECT_GT(test.difference_high, test.difference);
  EXPECT_NEAR(test.effect, effect_size(differences), 1e-12);
  EXPECT_NEAR(test.p, permutation_p(differences, 1, 100'000), 0.01);
  EXPECT_LT(test.p_holm, 0.01);
  EXPECT_EQ(significance_mark(test.p_holm), "‡");

  const AgainstBest& best = results.models[1].against_best[kNdcg10];
  EXPECT_TRUE(best.best);
  EXPECT_TRUE(std::isnan(best.p));
  EXPECT_LT(best.low, results.models[1].ndcg_10.mean);
  EXPECT_GT(best.high, results.models[1].ndcg_10.mean);
}

TEST_F(AgainstBestTest, EqualModelsHaveNoMark) {
  const auto ranks = some_ranks(kUsers, 4, 1);
  add({{"a", ranks}, {"b", ranks}});
  const DatasetResults results = compared();
  EXPECT_TRUE(results.models[0].against_best[kHit10].best);
  EXPECT_EQ(results.models[1].against_best[kHit10].p, 1);
  EXPECT_EQ(significance_mark(results.models[1].against_best[kHit10].p_holm), "");
}

TEST_F(AgainstBestTest, ManyModelsMakeHolmStricter) {
  add({{"a", some_ranks(kUsers, 5, 1)},
       {"b", some_ranks(kUsers, 4, 2)},
       {"c", some_ranks(kUsers, 4, 3)},
       {"d", some_ranks(kUsers, 4, 4)}});
  const DatasetResults results = compared();
  std::vector<double> p;
  for (const ModelResults& row : results.models) p.push_back(row.against_best[kMrr10].p);
  const std::vector<double> corrected = holm(p);
  for (size_t i = 1; i < p.size(); ++i) {
    EXPECT_EQ(results.models[i].against_best[kMrr10].p_holm, corrected[i]);
    EXPECT_GE(corrected[i], p[i]);
  }
}

TEST_F(AgainstBestTest, OtherUsersAreNotCompared) {
  add({{"a", some_ranks(kUsers, 5, 1)}, {"b", some_ranks(kUsers - 1, 2, 2)}});
  const DatasetResults results = compared();
  EXPECT_TRUE(results.models[0].against_best[kHit10].best);
  EXPECT_EQ(results.models[1].against_best[kHit10].users, 0);
  EXPECT_TRUE(std::isnan(results.models[1].against_best[kHit10].p_holm));
}

TEST_F(AgainstBestTest, AUserFigureIsTheMeanOverTheRuns) {
  add({{"a", {0, 20, 0}}, {"a", {20, 20, 0}}, {"b", {20, 20, 20}}});
  const AgainstBest test = compared().models[1].against_best[kHit10];
  EXPECT_NEAR(test.difference, -0.5, 1e-12);
  EXPECT_EQ(test.p, 0.5) << "two users differ, both for the best";
}

TEST(SignificanceMark, Bounds) {
  EXPECT_EQ(significance_mark(0.05), "");
  EXPECT_EQ(significance_mark(0.049), "†");
  EXPECT_EQ(significance_mark(0.01), "†");
  EXPECT_EQ(significance_mark(0.0099), "‡");
  EXPECT_EQ(significance_mark(std::nan("")), "");
}

}  // namespace
}  // namespace seqsweep
