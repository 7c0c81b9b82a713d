// A step grows by the same number of microbatches every epoch: what an adaptive schedule is to be
// compared with.
#include "core/train/batch_limits.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

struct LinearConfig {
  double growth = 1;
  BatchLimits limits;

  void fields(auto&& field) {
    field("growth", growth, "microbatches that a step gains in an epoch", at_least(0));
    limits.fields(field);
  }
};

class LinearSchedule : public BatchSchedule {
 public:
  LinearSchedule(const LinearConfig& config, const BatchScheduleContext& context)
      : config_(config), context_(context) {
    config_.limits.require_room(context);
  }

  int64_t microbatches(const TrainPosition& position) override {
    const double epochs = static_cast<double>(position.epoch) +
                          static_cast<double>(position.microbatch) /
                              static_cast<double>(std::max<int64_t>(position.microbatches, 1));
    const auto gained = static_cast<int64_t>(config_.growth * epochs);
    return config_.limits.clamp(context_.microbatches + gained, position, context_.batch_size);
  }

 private:
  LinearConfig config_;
  BatchScheduleContext context_;
};

const RegisterBatchSchedule<LinearConfig> kLinear{
    "linear", "a step grows by the same number of microbatches every epoch",
    make_schedule<LinearSchedule, LinearConfig>};

}  // namespace
}  // namespace seqsweep
