// From hidden states to ranks of targets and lists of the best items, over the whole catalogue and
// without its matrix of scores: a tile of items is scored for a block of rows, looked at and
// forgotten. A score is bias + h.e, added up in the order of the dimensions: it does not depend on
// the other rows or items, nor on the number of threads, and equal items tie exactly.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/best_list.h"

namespace seqsweep {

// Lists of item ids, one a row, end to end: row s has [offsets[s], offsets[s+1]). Empty: no lists.
struct ItemLists {
  std::span<const int32_t> items;
  std::span<const int64_t> offsets;

  std::span<const int32_t> of(int64_t row) const {
    if (offsets.empty()) return {};
    return items.subspan(offsets[row], offsets[row + 1] - offsets[row]);
  }
};

// hidden [S, D], embedding [V, D], bias [V] or undefined; float, on the CPU also double. On CUDA
// lists longer than kBestListMost (catalogue_ranking_cuda.h) hold the scores of 64 MB of rows.

// targets: S ids in [0, V). Row s: how many other items score at least as high as its target, so
// ties count against the model. Throws Error (Fault::Run) when an item scores NaN.
std::vector<int32_t> rank_in_catalogue(const at::Tensor& hidden_SD, const at::Tensor& embedding_VD,
                                       const at::Tensor& bias_V, std::span<const int32_t> targets);

// The best `count` (at least 1) items of each row, best first, the lower id first among equal
// scores (as float); fewer where there are fewer items. Items that `excluded` lists for a row are
// left out of its list. Throws Error (Fault::Run) when an item scores NaN.
std::vector<std::vector<ScoredItem>> best_in_catalogue(const at::Tensor& hidden_SD,
                                                       const at::Tensor& embedding_VD,
                                                       const at::Tensor& bias_V, int64_t count,
                                                       const ItemLists& excluded = {});

// The same from the whole matrix of scores.
std::vector<int32_t> rank_in_catalogue_reference(const at::Tensor& hidden_SD,
                                                 const at::Tensor& embedding_VD,
                                                 const at::Tensor& bias_V,
                                                 std::span<const int32_t> targets);
std::vector<std::vector<ScoredItem>> best_in_catalogue_reference(const at::Tensor& hidden_SD,
                                                                 const at::Tensor& embedding_VD,
                                                                 const at::Tensor& bias_V,
                                                                 int64_t count,
                                                                 const ItemLists& excluded = {});

}  // namespace seqsweep
