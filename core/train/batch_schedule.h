// How many microbatches a step takes. The same on every rank: it decides from what all ranks know.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/config.h"
#include "core/base/registry.h"
#include "core/train/optimizer.h"

namespace seqsweep {

// Where training stands: before `step`, at `microbatch` of `epoch` (all from 0).
struct TrainPosition {
  int64_t step = 0, epoch = 0;
  int64_t microbatch = 0, microbatches = 0;  // Of the epoch: done, and all.
};

// What an adaptive schedule fitted: beta-hat = c1 + c2 / sqrt(B), or as its `fit` says; NaN where
// there is no fit.
struct ScheduleReport {
  double c1 = StepReport::kNone, c2 = StepReport::kNone;
};

class BatchSchedule {
 public:
  virtual ~BatchSchedule() = default;
  // Microbatches of the next step, at least 1; the last step of an epoch takes what is left.
  virtual int64_t microbatches(const TrainPosition& position) = 0;

  // Whether observe() is to be called: it makes the host wait for the device in every step.
  virtual bool observes() const { return false; }
  // After a step: what its optimizer told, and the examples it took.
  virtual void observe(const StepReport&, int64_t /*batch_size*/) {}
  virtual void end_epoch() {}
  virtual ScheduleReport report() const { return {}; }

  // All that later decisions depend on, for a checkpoint.
  virtual Json state() const { return Json::object(); }
  virtual void restore(const Json& /*state*/) {}
};

struct BatchScheduleContext {
  int64_t batch_size = 1;    // B_0: examples of a microbatch.
  int64_t microbatches = 1;  // Of a step before any adaptation.
};

using BatchScheduleRegistry = Registry<std::unique_ptr<BatchSchedule>, const BatchScheduleContext&>;
BatchScheduleRegistry& batch_schedules();

// For RegisterBatchSchedule: a schedule is made of its settings and what it is used with.
template <typename Schedule, ConfigStruct Config>
std::unique_ptr<BatchSchedule> make_schedule(const Config& config,
                                             const BatchScheduleContext& context) {
  return std::make_unique<Schedule>(config, context);
}

// Traits: {"default": true}: used where an optimizer's entry names no schedule. {"needs": "beta"}:
// the figure of StepReport that it cannot do without.
template <ConfigStruct Config>
struct RegisterBatchSchedule {
  RegisterBatchSchedule(std::string name, std::string summary,
                        std::unique_ptr<BatchSchedule> (*make)(const Config&,
                                                               const BatchScheduleContext&),
                        Json traits = Json::object()) {
    batch_schedules().add<Config>(std::move(name), std::move(summary), make, std::move(traits));
  }
};

}  // namespace seqsweep
