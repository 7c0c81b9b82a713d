// The sum of a step's gradients, loss and targets over the ranks of a group, in a few buckets. A
// bucket leaves as soon as backward has made its last gradient, while the rest is still computed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/comm/group.h"
#include "core/train/parameters.h"

namespace seqsweep {

struct Bucket {
  int64_t begin = 0, size = 0;     // Of the numbers that are summed.
  std::vector<size_t> parameters;  // Whose gradients they are.
};

// Backward goes from the last parameter to the first, so the first bucket is the end of `numbers`
// (with what stands behind the gradients), and so on. Each holds at least `least` numbers, but for
// the last one.
std::vector<Bucket> cut_into_buckets(const std::vector<ParameterSlice>& slices, int64_t numbers,
                                     int64_t least);

class GradientBuckets {
 public:
  // A bucket costs a latency, which grows with the ranks: few of them, and none for a small model.
  static constexpr int64_t kLeastBytes = 1 << 20, kMost = 8;

  // Both must outlive this. In a group of one it does nothing.
  GradientBuckets(Parameters& parameters, Group& group, int64_t least_bytes = kLeastBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // The next backward is this rank's last one, and loss and targets are final.
  void expect_last_backward();
  // parameters.sums() := their sum over the ranks. Every rank calls this, and starts the buckets in
  // the same order, also one that had no backward.
  void finish();

 private:
  void gradient_is_final(size_t parameter);
  void start_next();

  Parameters& parameters_;
  Group& group_;
  std::vector<Bucket> buckets_;
  std::vector<size_t> bucket_of_;  // Of each parameter.
  bool last_backward_ = false;
  std::vector<size_t> missing_;  // Gradients that each bucket still waits for.
  std::vector<std::unique_ptr<PendingSum>> started_;
};

}  // namespace seqsweep
