// train.microbatches in every step.
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

struct ConstantConfig {
  void fields(auto&&) {}
};

class ConstantSchedule : public BatchSchedule {
 public:
  explicit ConstantSchedule(int64_t microbatches) : microbatches_(microbatches) {}
  int64_t microbatches(const TrainPosition&) override { return microbatches_; }

 private:
  int64_t microbatches_;
};

std::unique_ptr<BatchSchedule> make_constant(const ConstantConfig&,
                                             const BatchScheduleContext& context) {
  return std::make_unique<ConstantSchedule>(context.microbatches);
}

const RegisterBatchSchedule<ConstantConfig> kConstant{
    "constant", "train.microbatches in every step", make_constant, {{"default", true}}};

}  // namespace
}  // namespace seqsweep
