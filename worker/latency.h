// The bootstrap latency protocol of the paper (section 3.4.1): samples of users drawn with
// replacement, each user's recommendation timed from history to top items, outliers removed by
// Tukey's fences in each sample, then the mean of the sample means with its 95 % BCa interval. One
// rank of a group measures them all, alone (worker/quiet_host.h), or the ranks divide the samples;
// each is measured whole on one rank.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/comm/group.h"
#include "core/protocol/message.h"
#include "core/protocol/run_config.h"
#include "core/train/task.h"

namespace seqsweep {

struct LatencyFigures {
  std::vector<LatencySample> samples;
  double mean_ms = 0, low_ms = 0, high_ms = 0;
  double tokens_per_s = 0;  // Read and written, of all measured calls; 0: not a language model.
};

struct LatencyJob {
  Task& task;
  const Dataset& data;
  Group& group;
  LatencyConfig config;
  uint64_t seed = 0;  // Decides which users are drawn.
  std::function<bool(int64_t samples_done)> go_on = [](int64_t) { return true; };  // Of this rank.
};

// Wall time of Task::recommend on test histories; a user's share of it when config.batch_size
// histories go in at once. The same figures on every rank, the samples in their order. Leaves the
// module in evaluation mode. Nothing when go_on(), asked before every sample and now and then
// within one, said no on any rank. Collective. Config must ask for at least one sample.
std::optional<LatencyFigures> measure_latency(const LatencyJob& job);

}  // namespace seqsweep
