#include "kernels/catalogue_best_cuda.h"

#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <bit>

#include "core/base/check.h"
#include "kernels/cuda_plugin.h"

namespace seqsweep {

using at::Tensor;

CatalogueRankingCuda catalogue_ranking_cuda;

namespace {

int32_t item_of(ListedKey key) {
  return static_cast<int32_t>(~static_cast<uint32_t>(key));
}
float score_of(ListedKey key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>((ordered >> 31) != 0 ? ordered & 0x7FFFFFFFU : ~ordered);
}

template <typename T>
Tensor on_gpu(std::span<const T> numbers, const Tensor& like) {
  return at::from_blob(const_cast<T*>(numbers.data()), {std::ssize(numbers)},
                       at::dtype(c10::CppTypeToScalarType<T>::value))
      .to(like.device());
}

ListedKey* keys_of(const Tensor& numbers) {
  return reinterpret_cast<ListedKey*>(numbers.data_ptr<int64_t>());
}

}  // namespace

Tensor launch_best_in_catalogue(const Tensor& hidden_SD, const Tensor& embedding_VD,
                                const Tensor& bias_V, int64_t count, const ItemLists& excluded) {
  SEQ_CHECK(1 <= count && count <= kBestListMost);
  const c10::DeviceGuard on(hidden_SD.device());
  const int64_t rows = hidden_SD.size(0), items = embedding_VD.size(0);
  const auto numbers = hidden_SD.options().dtype(at::kLong);
  const int64_t scored = parts_of_items(rows, listed_rows_a_block(rows, count), items) * count;
  const int64_t merged = (scored + kMergedABlock - 1) / kMergedABlock * count;
  const Tensor found = at::zeros({rows * count + 1}, numbers);
  const Tensor room_of_scored = at::empty({rows * scored}, numbers);
  const Tensor room_of_merged = at::empty({rows * merged}, numbers);
  CatalogueBestParams params{
      .catalogue = {hidden_SD.data_ptr<float>(), embedding_VD.data_ptr<float>(),
                    bias_V.defined() ? bias_V.data_ptr<float>() : nullptr, rows,
                    static_cast<int>(items), static_cast<int>(hidden_SD.size(1)),
                    reinterpret_cast<int32_t*>(found.data_ptr<int64_t>() + rows * count)},
      .count = static_cast<int>(count),
      .best_SK = keys_of(found),
      .scored = keys_of(room_of_scored),
      .merged = keys_of(room_of_merged)};
  Tensor left_out, left_out_offsets;  // Live until the launch.
  if (!excluded.items.empty()) {
    left_out = on_gpu(excluded.items, hidden_SD);
    left_out_offsets = on_gpu(excluded.offsets, hidden_SD);
    params.excluded = left_out.data_ptr<int32_t>();
    params.excluded_offsets_S1 = left_out_offsets.data_ptr<int64_t>();
  }
  launch_cuda("best_in_catalogue", catalogue_ranking_cuda.best, params);
  return found;
}

std::vector<std::vector<ScoredItem>> read_best(const int64_t* found, int64_t rows, int64_t count) {
  if (found[rows * count] != 0) throw_nan_score();
  std::vector<std::vector<ScoredItem>> lists(rows);
  for (std::vector<ScoredItem>& list : lists) {
    list.reserve(count);
    for (int64_t k = 0; k < count; ++k) {
      const auto key = static_cast<ListedKey>(*found++);
      if (key != 0) list.push_back({item_of(key), score_of(key)});
    }
  }
  return lists;
}

}  // namespace seqsweep
