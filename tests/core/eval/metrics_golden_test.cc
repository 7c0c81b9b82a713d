// Metrics equal RecBole's on the same scores; tests/golden/make_metrics.py made the values.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/config.h"
#include "core/base/files.h"
#include "core/eval/metrics.h"

namespace seqsweep {
namespace {

// The number of items that score at least as high as the target, itself excluded.
int32_t rank_of(size_t target, const std::vector<int32_t>& scores) {
  const auto above = [&](int32_t score) { return score >= scores[target]; };
  return static_cast<int32_t>(std::count_if(scores.begin(), scores.end(), above)) - 1;
}

TEST(Metrics, EqualRecBoleOnTheSameScores) {
  const Json golden = Json::parse(read_file(SEQSWEEP_SOURCE_DIR "/tests/golden/metrics.json"));
  const std::vector<size_t> targets = golden.at("targets");
  std::vector<int32_t> ranks;
  for (size_t user = 0; user < targets.size(); ++user) {
    ranks.push_back(rank_of(targets[user], golden.at("scores").at(user)));
  }
  const std::vector<int64_t> cutoffs = golden.at("cutoffs");
  const std::vector<Metric> metrics = ranking_metrics(ranks, cutoffs);
  ASSERT_EQ(metrics.size(), golden.at("metrics").size());
  for (const auto& [name, value] : metrics) {
    EXPECT_NEAR(value, golden.at("metrics").at(name).get<double>(), 1e-12) << name;
  }
}

}  // namespace
}  // namespace seqsweep
