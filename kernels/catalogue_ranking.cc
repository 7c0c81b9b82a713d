// Legend: S rows, V items, D width, R rows of a chunk, K items listed.
#include "kernels/catalogue_ranking.h"

#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/error.h"
#include "kernels/catalogue_best_cuda.h"
#include "kernels/catalogue_ranking_cpu.h"
#include "kernels/catalogue_ranking_cuda.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"

namespace seqsweep {

namespace {

using at::Tensor;

constexpr const char* kRankName = "rank_in_catalogue";
constexpr const char* kBestName = "best_in_catalogue";

void check(const char* op, const Tensor& hidden, const Tensor& embedding, const Tensor& bias) {
  require_shape(op, "hidden", hidden, {-1, -1});
  require_shape(op, "embedding", embedding, {-1, hidden.size(1)});
  require_floating(op, hidden);
  require_same_device_and_dtype(op, hidden, embedding);
  if (!bias.defined()) return;
  require_shape(op, "bias", bias, {embedding.size(0)});
  require_same_device_and_dtype(op, hidden, bias);
}

void check_targets(std::span<const int32_t> targets, int64_t rows, int64_t items) {
  if (static_cast<int64_t>(targets.size()) != rows) {
    throw_run("{}: {} rows need as many targets; {} came", kRankName, rows, targets.size());
  }
  for (const int32_t target : targets) {
    if (target >= 0 && target < items) continue;
    throw_run("{}: targets must be in [0, {}); one is {}", kRankName, items, target);
  }
}

void check_lists(const ItemLists& excluded, int64_t rows) {
  const auto& offsets = excluded.offsets;
  if (offsets.empty() && excluded.items.empty()) return;
  if (static_cast<int64_t>(offsets.size()) != rows + 1 || offsets.front() != 0 ||
      offsets.back() != static_cast<int64_t>(excluded.items.size()) ||
      !std::ranges::is_sorted(offsets)) {
    throw_run("{}: the excluded items of {} rows need {} offsets that rise from 0 to {}", kBestName,
              rows, rows + 1, excluded.items.size());
  }
}

std::vector<int32_t> sorted_lists(const ItemLists& lists) {
  std::vector<int32_t> items(lists.items.begin(), lists.items.end());
  for (size_t s = 0; s + 1 < lists.offsets.size(); ++s) {
    std::sort(items.begin() + lists.offsets[s], items.begin() + lists.offsets[s + 1]);
  }
  return items;
}

Tensor dense(const Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
}

// ---- the same from the scores of `chunk` rows at a time, with ATen's operators ----

// visit(first row, scores [R, V])
void for_each_chunk(const Tensor& hidden_SD, const Tensor& embedding_VD, const Tensor& bias_V,
                    int64_t chunk, const auto& visit) {
  const at::NoGradGuard no_grad;
  for (int64_t begin = 0; begin < hidden_SD.size(0); begin += chunk) {
    const Tensor hidden_RD = hidden_SD.narrow(0, begin, std::min(chunk, hidden_SD.size(0) - begin));
    visit(begin, bias_V.defined() ? at::addmm(bias_V, hidden_RD, embedding_VD.t())
                                  : at::mm(hidden_RD, embedding_VD.t()));
  }
}

int64_t rows_in_64_mb(const Tensor& embedding_VD) {
  return std::clamp<int64_t>((16 << 20) / std::max<int64_t>(embedding_VD.size(0), 1), 1, 4096);
}

std::vector<int32_t> rank_aten(const Tensor& hidden_SD, const Tensor& embedding_VD,
                               const Tensor& bias_V, std::span<const int32_t> targets,
                               int64_t chunk) {
  std::vector<int32_t> ranks(targets.size());
  for_each_chunk(hidden_SD, embedding_VD, bias_V, chunk, [&](int64_t begin, const Tensor& scores) {
    const auto some = targets.subspan(begin, scores.size(0));
    const std::vector<int64_t> wide(some.begin(), some.end());
    const Tensor targets_R1 =
        at::tensor(wide, at::dtype(at::kLong)).unsqueeze(1).to(scores.device());
    const Tensor target_scores_R1 = scores.gather(1, targets_R1);
    const Tensor counts_2R =
        at::stack({scores.ge(target_scores_R1).sum(1), scores.lt(target_scores_R1).sum(1)}).cpu();
    const auto counts = counts_2R.accessor<int64_t, 2>();
    for (int64_t r = 0; r < scores.size(0); ++r) {
      if (counts[0][r] + counts[1][r] != scores.size(1)) throw_nan_score();
      ranks[begin + r] = static_cast<int32_t>(counts[0][r] - 1);
    }
  });
  return ranks;
}

std::vector<std::vector<ScoredItem>> best_aten(const Tensor& hidden_SD, const Tensor& embedding_VD,
                                               const Tensor& bias_V, int64_t count,
                                               const ItemLists& excluded, int64_t chunk) {
  std::vector<std::vector<ScoredItem>> lists(hidden_SD.size(0));
  int64_t excluded_most = 0;
  for (size_t row = 0; row < lists.size(); ++row) {
    excluded_most = std::max(excluded_most, static_cast<int64_t>(excluded.of(row).size()));
  }
  const int64_t kept = std::min(embedding_VD.size(0), count + excluded_most);
  for_each_chunk(hidden_SD, embedding_VD, bias_V, chunk, [&](int64_t begin, const Tensor& scores) {
    const auto [sorted_RV, order_RV] =
        scores.to(at::kFloat).sort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
    // Scores and items in one copy from a GPU, which is what its host waits for.
    const Tensor scores_RK = sorted_RV.narrow(1, 0, kept).contiguous().view(at::kInt);
    const Tensor both_2RK = at::stack({scores_RK, order_RV.narrow(1, 0, kept).to(at::kInt)}).cpu();
    const auto both = both_2RK.accessor<int32_t, 3>();
    for (int64_t r = 0; r < scores.size(0); ++r) {
      // A NaN sorts as the highest of all.
      if (kept > 0 && std::isnan(std::bit_cast<float>(both[0][r][0]))) throw_nan_score();
      BestList best(count);
      for (int64_t k = 0; k < kept; ++k) {
        const int32_t item = both[1][r][k];
        if (std::ranges::binary_search(excluded.of(begin + r), item)) continue;
        best.offer(item, std::bit_cast<float>(both[0][r][k]));
      }
      lists[begin + r] = best.take();
    }
  });
  return lists;
}

// The ranks and whether there was a NaN come to the host in one copy.
std::vector<int32_t> rank_cuda(const Tensor& hidden_SD, const Tensor& embedding_VD,
                               const Tensor& bias_V, std::span<const int32_t> targets) {
  const c10::DeviceGuard on(hidden_SD.device());
  const int64_t rows = hidden_SD.size(0), items = embedding_VD.size(0);
  const auto whole = hidden_SD.options().dtype(at::kInt);
  const int64_t parts = parts_of_items(rows, kScoredRowsABlock, items);
  const Tensor targets_S =
      at::from_blob(const_cast<int32_t*>(targets.data()), {rows}, at::dtype(at::kInt))
          .to(hidden_SD.device());
  const Tensor target_scores_S = at::empty({rows}, hidden_SD.options());
  const Tensor counts_PS = at::empty({parts, rows}, whole), ranks_S1 = at::zeros({rows + 1}, whole);
  auto* const ranks_on_gpu = ranks_S1.data_ptr<int32_t>();
  const CatalogueRankParams params{
      .catalogue = {hidden_SD.data_ptr<float>(), embedding_VD.data_ptr<float>(),
                    bias_V.defined() ? bias_V.data_ptr<float>() : nullptr, rows,
                    static_cast<int>(items), static_cast<int>(hidden_SD.size(1)),
                    ranks_on_gpu + rows},
      .targets_S = targets_S.data_ptr<int32_t>(),
      .target_scores_S = target_scores_S.data_ptr<float>(),
      .counts_PS = counts_PS.data_ptr<int32_t>(),
      .ranks_S = ranks_on_gpu};
  launch_cuda(kRankName, catalogue_ranking_cuda.rank, params);
  const Tensor found = ranks_S1.cpu();
  const auto* const ranks = found.data_ptr<int32_t>();
  if (ranks[rows] != 0) throw_nan_score();
  return {ranks, ranks + rows};
}

std::vector<std::vector<ScoredItem>> best_cuda(const Tensor& hidden_SD, const Tensor& embedding_VD,
                                               const Tensor& bias_V, int64_t count,
                                               const ItemLists& excluded) {
  const Tensor found = launch_best_in_catalogue(hidden_SD.contiguous(), embedding_VD.contiguous(),
                                                dense(bias_V), count, excluded)
                           .cpu();
  return read_best(found.data_ptr<int64_t>(), hidden_SD.size(0), count);
}

// Checks, sorts what is excluded, and hands it to `find(count, excluded)`.
std::vector<std::vector<ScoredItem>> checked_best(const Tensor& hidden_SD,
                                                  const Tensor& embedding_VD, const Tensor& bias_V,
                                                  int64_t count, const ItemLists& excluded,
                                                  const auto& find) {
  check(kBestName, hidden_SD, embedding_VD, bias_V);
  check_lists(excluded, hidden_SD.size(0));
  if (count < 1) throw_input("recommend: at least 1 item must be asked for; {} came", count);
  const std::vector<int32_t> sorted = sorted_lists(excluded);
  return find(std::clamp<int64_t>(embedding_VD.size(0), 1, count),
              ItemLists{sorted, excluded.offsets});
}

}  // namespace

std::vector<int32_t> rank_in_catalogue(const Tensor& hidden_SD, const Tensor& embedding_VD,
                                       const Tensor& bias_V, std::span<const int32_t> targets) {
  check(kRankName, hidden_SD, embedding_VD, bias_V);
  check_targets(targets, hidden_SD.size(0), embedding_VD.size(0));
  if (hidden_SD.is_cuda()) {
    return rank_cuda(hidden_SD.contiguous(), embedding_VD.contiguous(), dense(bias_V), targets);
  }
  return rank_in_catalogue_cpu(hidden_SD.contiguous(), embedding_VD.contiguous(), dense(bias_V),
                               targets);
}

std::vector<int32_t> rank_in_catalogue_reference(const Tensor& hidden_SD,
                                                 const Tensor& embedding_VD, const Tensor& bias_V,
                                                 std::span<const int32_t> targets) {
  check(kRankName, hidden_SD, embedding_VD, bias_V);
  check_targets(targets, hidden_SD.size(0), embedding_VD.size(0));
  return rank_aten(hidden_SD, embedding_VD, bias_V, targets, hidden_SD.size(0));
}

std::vector<std::vector<ScoredItem>> best_in_catalogue(const Tensor& hidden_SD,
                                                       const Tensor& embedding_VD,
                                                       const Tensor& bias_V, int64_t count,
                                                       const ItemLists& excluded) {
  const auto find = [&](int64_t most, const ItemLists& sorted) {
    if (hidden_SD.is_cuda() && most <= kBestListMost) {
      return best_cuda(hidden_SD, embedding_VD, bias_V, most, sorted);
    }
    if (hidden_SD.is_cuda()) {
      return best_aten(hidden_SD, embedding_VD, bias_V, most, sorted, rows_in_64_mb(embedding_VD));
    }
    return best_in_catalogue_cpu(hidden_SD.contiguous(), embedding_VD.contiguous(), dense(bias_V),
                                 most, sorted);
  };
  return checked_best(hidden_SD, embedding_VD, bias_V, count, excluded, find);
}

std::vector<std::vector<ScoredItem>> best_in_catalogue_reference(const Tensor& hidden_SD,
                                                                 const Tensor& embedding_VD,
                                                                 const Tensor& bias_V,
                                                                 int64_t count,
                                                                 const ItemLists& excluded) {
  const auto find = [&](int64_t most, const ItemLists& sorted) {
    return best_aten(hidden_SD, embedding_VD, bias_V, most, sorted, hidden_SD.size(0));
  };
  return checked_best(hidden_SD, embedding_VD, bias_V, count, excluded, find);
}

}  // namespace seqsweep
