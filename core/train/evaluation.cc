#include "core/train/evaluation.h"

#include <algorithm>
#include <numeric>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/train/share.h"

namespace seqsweep {

std::vector<int32_t> rank_all_users(const EvaluationJob& job, Split split) {
  const torch::NoGradGuard no_grad;
  job.task.module().eval();
  const Share mine = share_of(job.users, job.group.rank(), job.group.size());
  torch::Tensor ranks = torch::zeros({job.users}, torch::kInt32);
  int32_t* out = ranks.data_ptr<int32_t>() + mine.begin;
  for (int64_t begin = mine.begin; begin < mine.end; begin += job.batch_size) {
    std::vector<int64_t> users(std::min(job.batch_size, mine.end - begin));
    std::iota(users.begin(), users.end(), begin);
    const std::vector<int32_t> batch = job.task.target_ranks(users, split);
    SEQ_CHECK(batch.size() == users.size());
    out = std::copy(batch.begin(), batch.end(), out);
    job.after_batch();
  }
  job.group.all_reduce_sum(ranks);  // Zeros but for the rank that has the user.
  return {ranks.data_ptr<int32_t>(), ranks.data_ptr<int32_t>() + job.users};
}

std::vector<int32_t> ranks_among_unseen(Task& task, const Dataset& data, Split split,
                                        int64_t listed) {
  constexpr int64_t kUsersAtOnce = 256;
  std::vector<int32_t> ranks;
  for (int64_t begin = 0; begin < data.users(); begin += kUsersAtOnce) {
    std::vector<History> histories;
    for (int64_t user = begin; user < std::min(begin + kUsersAtOnce, data.users()); ++user) {
      histories.push_back(data.history(user, split));
    }
    for (const auto& list : task.recommend(histories, listed, Seen::LeftOut)) {
      const int32_t target = data.target(std::ssize(ranks), split);
      const auto found = std::ranges::find(list, target, &Recommendation::item);
      ranks.push_back(found == list.end() ? kNotRecommended
                                          : static_cast<int32_t>(found - list.begin()));
    }
  }
  return ranks;
}

std::vector<Metric> metrics_of(Task& task, Split split, std::span<const int32_t> ranks,
                               std::span<const int64_t> cutoffs) {
  std::vector<Metric> metrics = ranking_metrics(ranks, cutoffs);
  for (const auto& [name, value] : task.more_metrics(split, ranks))
    metrics.push_back({name, value});
  return metrics;
}

void require_cutoffs(const Task& task, std::span<const int64_t> cutoffs) {
  for (const int64_t cutoff : cutoffs) {
    if (cutoff <= task.list_length()) continue;
    throw_input(
        "evaluate: cutoffs: {} is more than the {} items that the objective lists for a user; "
        "raise its list_length, or leave the cut-off out",
        cutoff, task.list_length());
  }
}

}  // namespace seqsweep
