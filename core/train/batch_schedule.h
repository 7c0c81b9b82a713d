// How many microbatches a step takes. The same on every rank: it decides from what all ranks know.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/config.h"
#include "core/train/optimizer.h"

namespace seqsweep {

// Where training stands: before `step`, at `microbatch` of `epoch` (all from 0).
struct TrainPosition {
  int64_t step = 0, epoch = 0;
  int64_t microbatch = 0, microbatches = 0;  // Of the epoch: done, and all.
};

class BatchSchedule {
 public:
  virtual ~BatchSchedule() = default;
  // Microbatches of the next step, at least 1; the last step of an epoch takes what is left.
  virtual int64_t microbatches(const TrainPosition& position) = 0;
  // After a step: what its optimizer told, and the examples it took.
  virtual void observe(const StepReport& report, int64_t batch_size) = 0;
  virtual void end_epoch() = 0;
  // All that later decisions depend on, for a checkpoint.
  virtual Json state() const = 0;
  virtual void restore(const Json& state) = 0;
};

std::unique_ptr<BatchSchedule> make_constant_schedule(int64_t microbatches);

}  // namespace seqsweep
