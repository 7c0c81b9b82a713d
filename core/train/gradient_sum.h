// The gradient of a step: of any microbatches, divided among the ranks of a group by their speed.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/clock.h"
#include "core/comm/group.h"
#include "core/train/division.h"
#include "core/train/gradient_buckets.h"
#include "core/train/parameters.h"
#include "core/train/task.h"

namespace seqsweep {

struct Microbatch {
  std::span<const int64_t> examples;
  uint64_t seed = 0;  // Of its dropout and sampling.
};

class GradientSum {
 public:
  // All must outlive this.
  GradientSum(Task& task, Parameters& parameters, Group& group, const Clock& clock);

  // parameters.sums() := gradient, loss and targets of all these microbatches; the same bits on
  // every rank. Collective.
  void compute(std::span<const Microbatch> step);

  // wishes := their sums over the ranks, which tell each other their speeds in the same small
  // message. Once a step; collective.
  void agree(std::span<double> wishes);

  // This rank's seconds a microbatch, of the latest measured sum that is not agreed upon; 0: none.
  double seconds() const { return seconds_; }
  // All ranks' seconds, for the division of the next sums; the same on every rank.
  void observe(std::span<const double> seconds) { division_.observe(seconds); }

 private:
  bool measures() const;
  double device_s() const;

  Task& task_;
  Parameters& parameters_;
  Group& group_;
  const Clock& clock_;
  Division division_;
  GradientBuckets buckets_;
  int64_t sums_ = 0;
  double seconds_ = 0;
};

}  // namespace seqsweep
