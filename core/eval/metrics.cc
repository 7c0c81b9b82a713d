#include "core/eval/metrics.h"

#include <cmath>

#include "core/base/error.h"

namespace seqsweep {
namespace {

bool within(int32_t rank, int64_t k) {
  return rank >= 0 && rank < k;
}

}  // namespace

double hit_at(int32_t rank, int64_t k) {
  return within(rank, k) ? 1.0 : 0.0;
}

double ndcg_at(int32_t rank, int64_t k) {
  return within(rank, k) ? 1.0 / std::log2(rank + 2.0) : 0.0;
}

double mrr_at(int32_t rank, int64_t k) {
  return within(rank, k) ? 1.0 / (rank + 1.0) : 0.0;
}

std::vector<Metric> ranking_metrics(std::span<const int32_t> ranks,
                                    std::span<const int64_t> cutoffs) {
  if (ranks.empty()) throw_input("ranking metrics: no user was ranked; at least one is needed");
  std::vector<Metric> metrics;
  for (const int64_t k : cutoffs) {
    if (k < 1) throw_input("ranking metrics: a cut-off is at least 1; {} came", k);
    double hit = 0, ndcg = 0, mrr = 0;
    for (const int32_t rank : ranks) {
      hit += hit_at(rank, k);
      ndcg += ndcg_at(rank, k);
      mrr += mrr_at(rank, k);
    }
    const auto users = static_cast<double>(ranks.size());
    metrics.push_back({fmt::format("hit@{}", k), hit / users});
    metrics.push_back({fmt::format("ndcg@{}", k), ndcg / users});
    metrics.push_back({fmt::format("mrr@{}", k), mrr / users});
  }
  return metrics;
}

}  // namespace seqsweep
