// Legend: S rows, V items, D width, R rows of a chunk, K items listed.
#include "kernels/catalogue_ranking.h"

#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/catalogue_ranking_cpu.h"
#include "kernels/checks.h"

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
    if (scores.isnan().any().item<bool>()) throw_nan_score();
    const auto [sorted_RV, order_RV] =
        scores.to(at::kFloat).sort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
    const Tensor scores_RK = sorted_RV.narrow(1, 0, kept).cpu();
    const Tensor items_RK = order_RV.narrow(1, 0, kept).to(at::kInt).cpu();
    for (int64_t r = 0; r < scores.size(0); ++r) {
      BestList best(count);
      for (int64_t k = 0; k < kept; ++k) {
        const auto item = items_RK[r].data_ptr<int32_t>()[k];
        if (std::ranges::binary_search(excluded.of(begin + r), item)) continue;
        best.offer(item, scores_RK[r].data_ptr<float>()[k]);
      }
      lists[begin + r] = best.take();
    }
  });
  return lists;
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
    return rank_aten(hidden_SD, embedding_VD, bias_V, targets, rows_in_64_mb(embedding_VD));
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
