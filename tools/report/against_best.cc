#include "tools/report/against_best.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "core/eval/metrics.h"
#include "core/eval/significance.h"
#include "db/queries.h"
#include "tools/report/in_parallel.h"

namespace seqsweep {
namespace {

constexpr int64_t kCutoff = 10;
constexpr uint64_t kSeed = 20240724;

using PerUser = std::vector<double>;  // A test user each.
using UserFigures = std::array<PerUser, kTestedMetrics>;

// What a rank is worth in each metric.
struct Worth {
  std::array<std::array<double, kCutoff>, kTestedMetrics> by_rank;
  Worth() {
    for (int32_t rank = 0; rank < kCutoff; ++rank) {
      by_rank[kHit10][rank] = hit_at(rank, kCutoff);
      by_rank[kNdcg10][rank] = ndcg_at(rank, kCutoff);
      by_rank[kMrr10][rank] = mrr_at(rank, kCutoff);
    }
  }
};

// Means over the runs of a row that are done; empty without ranks, or when its runs ranked
// different users.
UserFigures user_figures(Database& database, const ModelResults& row) {
  static const Worth kWorth;
  UserFigures figures;
  double runs = 0;
  for (const ResultRow& run : row.runs) {
    if (run.status != "done") continue;
    const std::vector<int32_t> ranks = read_user_ranks(database, run.run_id);
    if (runs == 0) figures.fill(PerUser(ranks.size(), 0.0));
    if (ranks.size() != figures[0].size()) return {};
    for (size_t user = 0; user < ranks.size(); ++user) {
      if (ranks[user] < 0 || ranks[user] >= kCutoff) continue;
      for (int metric = 0; metric < kTestedMetrics; ++metric) {
        figures[metric][user] += kWorth.by_rank[metric][ranks[user]];
      }
    }
    ++runs;
  }
  for (PerUser& values : figures) {
    for (double& value : values) value /= runs;
  }
  return figures;
}

AgainstBest compare(const PerUser& own, const PerUser& best, bool is_best) {
  AgainstBest result{.best = is_best, .users = static_cast<int64_t>(own.size())};
  const MeanInterval interval = paired_bootstrap(own, kSeed).interval;
  result.low = interval.low, result.high = interval.high;
  if (is_best) return result;
  PerUser differences(own.size());
  std::ranges::transform(own, best, differences.begin(), std::minus{});
  const PairedBootstrap bootstrap = paired_bootstrap(differences, kSeed);
  result.difference = bootstrap.interval.mean;
  result.difference_low = bootstrap.interval.low, result.difference_high = bootstrap.interval.high;
  result.p_bootstrap = bootstrap.p;
  result.p = permutation_p(differences, kSeed);
  result.effect = effect_size(differences);
  return result;
}

}  // namespace

std::string significance_mark(double p) {
  return p < 0.01 ? "‡" : p < 0.05 ? "†" : "";
}

void compare_with_best(Database& database, DatasetResults& results) {
  std::vector<UserFigures> figures;
  for (const ModelResults& row : results.models) figures.push_back(user_figures(database, row));
  for (int metric = 0; metric < kTestedMetrics; ++metric) {
    const auto mean_of = [&](size_t row) {
      const PerUser& values = figures[row][metric];
      return values.empty() ? -1.0 : mean(values);
    };
    size_t best = 0;
    for (size_t row = 1; row < figures.size(); ++row) {
      if (mean_of(row) > mean_of(best)) best = row;
    }
    in_parallel(figures.size(), [&](size_t row) {
      const PerUser &own = figures[row][metric], &theirs = figures[best][metric];
      if (own.empty() || own.size() != theirs.size()) return;
      results.models[row].against_best[metric] = compare(own, theirs, row == best);
    });
    PerUser p;
    for (const ModelResults& row : results.models) p.push_back(row.against_best[metric].p);
    const PerUser corrected = holm(p);
    for (size_t row = 0; row < p.size(); ++row) {
      results.models[row].against_best[metric].p_holm = corrected[row];
    }
  }
}

}  // namespace seqsweep
