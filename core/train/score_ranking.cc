#include "core/train/score_ranking.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/base/best_list.h"
#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {
namespace {

constexpr int64_t kLongList = 2048;  // From here on sorting is quicker than inserting.

// All items but those left out, best first, among equal scores the lower id.
std::vector<Recommendation> sorted_row(std::span<const float> scores,
                                       std::span<const int32_t> sorted_left_out) {
  std::vector<Recommendation> all;
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto item = static_cast<int32_t>(i);
    if (std::isnan(scores[i])) throw_nan_score();
    if (!std::ranges::binary_search(sorted_left_out, item)) all.push_back({item, scores[i]});
  }
  std::ranges::stable_sort(all, std::greater<>(), &Recommendation::score);
  return all;
}

std::vector<Recommendation> best_of_row(std::span<const float> scores, int64_t count,
                                        History left_out) {
  std::vector<int32_t> sorted(left_out.begin(), left_out.end());
  std::ranges::sort(sorted);
  if (count > kLongList) {
    std::vector<Recommendation> all = sorted_row(scores, sorted);
    if (std::ssize(all) > count) all.resize(count);
    return all;
  }
  BestList best(count);
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto item = static_cast<int32_t>(i);
    if (!best.admits(scores[i])) continue;
    if (std::isnan(scores[i])) throw_nan_score();
    if (!std::ranges::binary_search(sorted, item)) best.offer(item, scores[i]);
  }
  return best.take();
}

// In one copy from a GPU.
torch::Tensor scores_on_host(const torch::Tensor& scores_BV) {
  return scores_BV.detach().to(torch::kCPU, torch::kFloat).contiguous();
}

int32_t worst_of_row(std::span<const float> scores, History history, History barred,
                     std::span<const char> allowed) {
  std::vector<int32_t> sorted(history.begin(), history.end());
  sorted.insert(sorted.end(), barred.begin(), barred.end());
  std::ranges::sort(sorted);
  int32_t worst = kNotRecommended;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) throw_nan_score();
    const auto item = static_cast<int32_t>(i);
    const bool lower = worst == kNotRecommended || scores[i] <= scores[static_cast<size_t>(worst)];
    if (lower && allowed[i] != 0 && !std::ranges::binary_search(sorted, item)) worst = item;
  }
  return worst;
}

}  // namespace

std::vector<int32_t> rank_targets(const torch::Tensor& scores_BV,
                                  std::span<const int32_t> targets) {
  SEQ_CHECK(scores_BV.dim() == 2 && scores_BV.size(0) == static_cast<int64_t>(targets.size()));
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> wide(targets.begin(), targets.end());
  const torch::Tensor targets_B1 = torch::tensor(wide).unsqueeze(1).to(scores_BV.device());
  const torch::Tensor target_scores_B1 = scores_BV.gather(1, targets_B1);
  // The target scores at least as high as itself; a NaN row counts nothing above or below.
  const torch::Tensor at_least_B = scores_BV.ge(target_scores_B1).sum(1);
  const torch::Tensor below_B = scores_BV.lt(target_scores_B1).sum(1);
  const torch::Tensor counts_2B = torch::stack({at_least_B, below_B}).cpu();
  const auto counts = counts_2B.accessor<int64_t, 2>();
  std::vector<int32_t> ranks(targets.size());
  for (int64_t b = 0; b < scores_BV.size(0); ++b) {
    if (counts[0][b] + counts[1][b] != scores_BV.size(1)) throw_nan_score();
    ranks[b] = static_cast<int32_t>(counts[0][b] - 1);
  }
  return ranks;
}

std::vector<std::vector<Recommendation>> top_items(const torch::Tensor& scores_BV, int64_t count,
                                                   std::span<const History> left_out) {
  SEQ_CHECK(scores_BV.dim() == 2);
  SEQ_CHECK(left_out.empty() || static_cast<int64_t>(left_out.size()) == scores_BV.size(0));
  if (count < 1) throw_input("recommend: at least 1 item must be asked for; {} came", count);
  const torch::Tensor host_BV = scores_on_host(scores_BV);
  const int64_t items = host_BV.size(1);
  const std::span<const float> scores(host_BV.data_ptr<float>(), host_BV.numel());
  std::vector<std::vector<Recommendation>> lists(host_BV.size(0));
  for (size_t b = 0; b < lists.size(); ++b) {
    lists[b] = best_of_row(scores.subspan(b * items, items), std::min<int64_t>(count, items),
                           left_out.empty() ? History() : left_out[b]);
  }
  return lists;
}

std::vector<int32_t> worst_items(const torch::Tensor& scores_BV, std::span<const History> histories,
                                 std::span<const History> barred, std::span<const char> allowed) {
  SEQ_CHECK(scores_BV.dim() == 2 && histories.size() == barred.size());
  SEQ_CHECK(scores_BV.size(1) == std::ssize(allowed));
  SEQ_CHECK(scores_BV.size(0) == static_cast<int64_t>(histories.size()));
  const torch::Tensor host_BV = scores_on_host(scores_BV);
  const auto items = static_cast<size_t>(host_BV.size(1));
  const std::span<const float> scores(host_BV.data_ptr<float>(), host_BV.numel());
  std::vector<int32_t> worst;
  for (size_t b = 0; b < histories.size(); ++b) {
    worst.push_back(
        worst_of_row(scores.subspan(b * items, items), histories[b], barred[b], allowed));
  }
  return worst;
}

}  // namespace seqsweep
