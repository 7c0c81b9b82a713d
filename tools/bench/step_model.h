// How long a data parallel step takes: docs/data_parallel.md has the formula in words.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace seqsweep {

struct StepModel {
  double microbatch_s = 0;         // Forward and backward of one.
  int64_t microbatches = 1;        // Of a step.
  double bytes = 0;                // Gradients.
  double hop_s = 0;                // To start a message between two ranks.
  double bytes_a_second = 1;       // Of a rank, out and in at once.
  double backward_part = 2.0 / 3;  // Of a microbatch, under which buckets can travel.

  // A ring: each of k ranks sends and receives 2 (k - 1) messages of a k-th.
  double all_reduce_s(double size, int64_t ranks) const {
    const auto k = static_cast<double>(ranks);
    return 2 * (k - 1) * (hop_s + size / k / bytes_a_second);
  }
  double step_s(int64_t ranks) const {
    const double computed =
        std::ceil(static_cast<double>(microbatches) / static_cast<double>(ranks)) * microbatch_s;
    if (ranks == 1) return computed;
    const double buckets = std::clamp(std::floor(bytes / (1 << 20)), 1.0, 8.0);
    const double bucket_s = all_reduce_s(bytes / buckets, ranks);
    const double hidden = backward_part * microbatch_s;
    const double agreement_s = 2 * std::log2(static_cast<double>(ranks)) * hop_s;
    return computed + bucket_s + std::max(0.0, (buckets - 1) * bucket_s - hidden) + agreement_s;
  }
  double efficiency(int64_t ranks) const {
    return step_s(1) / static_cast<double>(ranks) / step_s(ranks);
  }
};

}  // namespace seqsweep
