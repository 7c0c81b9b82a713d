// HIT, NDCG and MRR at a cut-off from the ranks of the users' targets, one target a user.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace seqsweep {

struct Metric {
  std::string name;  // "ndcg@10"
  double value = 0;
};

// What one user adds to a mean. `rank` counts from 0; a negative one means that the target was not
// recommended and adds nothing, as does one outside the best k.
double hit_at(int32_t rank, int64_t k);
double ndcg_at(int32_t rank,
               int64_t k);  // 1 / log2(rank + 2): one relevant item, so the ideal is 1.
double mrr_at(int32_t rank, int64_t k);  // 1 / (rank + 1)

// Means over users: "hit@k", "ndcg@k", "mrr@k" for each cut-off, in this order. Throws Error
// (Fault::Input) when there is no user or a cut-off is below 1.
std::vector<Metric> ranking_metrics(std::span<const int32_t> ranks,
                                    std::span<const int64_t> cutoffs);

}  // namespace seqsweep
