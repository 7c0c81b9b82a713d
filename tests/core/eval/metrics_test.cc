#include "core/eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace seqsweep {
namespace {

TEST(Metrics, OneUserByHand) {
  EXPECT_EQ(hit_at(0, 1), 1.0);
  EXPECT_EQ(ndcg_at(0, 10), 1.0);
  EXPECT_EQ(mrr_at(0, 10), 1.0);
  EXPECT_EQ(ndcg_at(2, 10), 0.5);  // 1 / log2(4)
  EXPECT_EQ(mrr_at(3, 10), 0.25);
}

TEST(Metrics, TheLastPlaceCountsAndTheNextDoesNot) {
  EXPECT_EQ(hit_at(9, 10), 1.0);
  EXPECT_DOUBLE_EQ(ndcg_at(9, 10), 1.0 / std::log2(11.0));
  for (const auto metric : {hit_at, ndcg_at, mrr_at}) EXPECT_EQ(metric(10, 10), 0.0);
}

TEST(Metrics, NotRecommendedAddsNothingAndRanksAreBounded) {
  for (const auto metric : {hit_at, ndcg_at, mrr_at}) {
    EXPECT_EQ(metric(-1, 10), 0.0);
    EXPECT_GT(metric(std::numeric_limits<int32_t>::max(), int64_t{1} << 40), 0.0);
  }
}

TEST(Metrics, MeansOverAllUsersForEachCutoff) {
  const std::vector<int32_t> ranks = {0, 2, 7, -1};
  const std::vector<int64_t> cutoffs = {10, 5};
  const std::vector<Metric> metrics = ranking_metrics(ranks, cutoffs);
  ASSERT_EQ(metrics.size(), 6U);
  const std::vector<std::string> names = {"hit@10", "ndcg@10", "mrr@10",
                                          "hit@5",  "ndcg@5",  "mrr@5"};
  const std::vector<double> values = {3.0 / 4,
                                      (1 + 0.5 + 1 / std::log2(9.0)) / 4,
                                      (1 + 1.0 / 3 + 1.0 / 8) / 4,
                                      2.0 / 4,
                                      (1 + 0.5) / 4,
                                      (1 + 1.0 / 3) / 4};
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(metrics[i].name, names[i]);
    EXPECT_DOUBLE_EQ(metrics[i].value, values[i]) << names[i];
  }
}

TEST(Metrics, NoUsersOrACutoffOfZeroIsAnInputError) {
  const std::vector<int32_t> none, one = {0};
  const std::vector<int64_t> ten = {10}, zero = {0};
  EXPECT_THROW(ranking_metrics(none, ten), Error);
  EXPECT_THROW(ranking_metrics(one, zero), Error);
}

}  // namespace
}  // namespace seqsweep
