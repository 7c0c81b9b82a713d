// From scores of all items to ranks of targets and to lists of recommendations. Every model that
// scores the whole catalogue ranks through here, so ties and NaN mean the same for all of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/train/task.h"

namespace seqsweep {

// scores_BV: floating point, on any device; targets: B item ids. The rank counts from 0: how many
// other items score at least as high, so ties count against the model. Throws Error (Fault::Run)
// when a row has a NaN.
std::vector<int32_t> rank_targets(const torch::Tensor& scores_BV, std::span<const int32_t> targets);

// The best `count` items of each row, best first, on the host; fewer where there are fewer items.
// Among equal scores the lower item id comes first. Items of `left_out`, one history a row or none
// at all, are not listed. Throws Error (Fault::Run) on a NaN.
std::vector<std::vector<Recommendation>> top_items(const torch::Tensor& scores_BV, int64_t count,
                                                   std::span<const History> left_out = {});

// The one that top_items lists last of each row, of the items that are `allowed` (not 0) and in
// neither its history nor its `barred`, without a sort; kNotRecommended where there is none. Throws
// Error (Fault::Run) on a NaN.
std::vector<int32_t> worst_items(const torch::Tensor& scores_BV, std::span<const History> histories,
                                 std::span<const History> barred, std::span<const char> allowed);

}  // namespace seqsweep
