// The ranks of all users' targets, divided among the ranks of a group.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/comm/group.h"
#include "core/data/dataset.h"
#include "core/eval/metrics.h"
#include "core/train/task.h"

namespace seqsweep {

struct EvaluationJob {
  Task& task;
  Group& group;
  int64_t users = 0;                          // Of the data set; all of them are ranked.
  int64_t batch_size = 256;                   // Users ranked at once.
  std::function<void()> after_batch = [] {};  // A sign of life.
};

// As Task::target_ranks for users 0 .. users-1, the same on every rank. Collective. Leaves the
// module in evaluation mode.
std::vector<int32_t> rank_all_users(const EvaluationJob& job, Split split);

// Places of all users' targets in lists of `listed` items that leave out what a history has;
// kNotRecommended where a list lacks the target. The module is in evaluation mode.
std::vector<int32_t> ranks_among_unseen(Task& task, const Dataset& data, Split split,
                                        int64_t listed);

// Of these ranks: HIT, NDCG and MRR at each cut-off in the order of ranking_metrics(), then what
// the task's objective adds.
std::vector<Metric> metrics_of(Task& task, Split split, std::span<const int32_t> ranks,
                               std::span<const int64_t> cutoffs);

// Throws Error (Fault::Input) where a cut-off is more than the task's list_length().
void require_cutoffs(const Task& task, std::span<const int64_t> cutoffs);

}  // namespace seqsweep
