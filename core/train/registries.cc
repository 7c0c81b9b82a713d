#include "core/train/batch_schedule.h"
#include "core/train/model.h"
#include "core/train/optimizer.h"

namespace seqsweep {

ModelRegistry& models() {
  static ModelRegistry registry{"model"};
  return registry;
}

ObjectiveRegistry& objectives() {
  static ObjectiveRegistry registry{"objective"};
  return registry;
}

OptimizerRegistry& optimizers() {
  static OptimizerRegistry registry{"optimizer"};
  return registry;
}

BatchScheduleRegistry& batch_schedules() {
  static BatchScheduleRegistry registry{"batch_schedule"};
  return registry;
}

}  // namespace seqsweep
