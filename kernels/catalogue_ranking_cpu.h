// What catalogue_ranking.cc asks of its CPU code; the arguments are those of its header, checked
// and contiguous.
#pragma once

#include "kernels/catalogue_ranking.h"

namespace seqsweep {

std::vector<int32_t> rank_in_catalogue_cpu(const at::Tensor& hidden_SD,
                                           const at::Tensor& embedding_VD, const at::Tensor& bias_V,
                                           std::span<const int32_t> targets);

// `excluded` is sorted in each row, or empty.
std::vector<std::vector<ScoredItem>> best_in_catalogue_cpu(const at::Tensor& hidden_SD,
                                                           const at::Tensor& embedding_VD,
                                                           const at::Tensor& bias_V, int64_t count,
                                                           const ItemLists& excluded);

}  // namespace seqsweep
