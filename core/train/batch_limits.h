// How large a batch schedule may make a step.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/error.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {

struct BatchLimits {
  int64_t max_batch = 4096;
  int64_t min_steps_per_epoch = 20;

  void fields(auto&& field) {
    field("max_batch", max_batch,
          "most examples of a step (as far as they fill microbatches), at least train.batch_size",
          at_least(1));
    field("min_steps_per_epoch", min_steps_per_epoch,
          "a step takes at most this part of an epoch's microbatches", at_least(1));
  }

  void require_room(const BatchScheduleContext& context) const {
    if (max_batch >= context.batch_size) return;
    throw_input("batch_schedule.max_batch is at least train.batch_size, {}; got {}",
                context.batch_size, max_batch);
  }

  // Microbatches of a step, from 1 to what the limits allow.
  int64_t clamp(int64_t microbatches, const TrainPosition& position, int64_t batch_size) const {
    const int64_t most =
        std::min(max_batch / batch_size, position.microbatches / min_steps_per_epoch);
    return std::clamp<int64_t>(microbatches, 1, std::max<int64_t>(most, 1));
  }
};

}  // namespace seqsweep
