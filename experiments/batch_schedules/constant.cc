// train.microbatches in every step.
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

struct ConstantConfig {
  void fields(auto&&) {}
};

class ConstantSchedule : public BatchSchedule {
 public:
  ConstantSchedule(const ConstantConfig&, const BatchScheduleContext& context)
      : microbatches_(context.microbatches) {}
  int64_t microbatches(const TrainPosition&) override { return microbatches_; }

 private:
  int64_t microbatches_;
};

const RegisterBatchSchedule<ConstantConfig> kConstant{
    "constant",
    "train.microbatches in every step",
    make_schedule<ConstantSchedule, ConstantConfig>,
    {{"default", true}}};

}  // namespace
}  // namespace seqsweep
