#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

class ConstantSchedule : public BatchSchedule {
 public:
  explicit ConstantSchedule(int64_t microbatches) : microbatches_(microbatches) {}
  int64_t microbatches(const TrainPosition&) override { return microbatches_; }
  void observe(const StepReport&, int64_t) override {}
  void end_epoch() override {}
  Json state() const override { return Json::object(); }
  void restore(const Json&) override {}

 private:
  int64_t microbatches_;
};

}  // namespace

std::unique_ptr<BatchSchedule> make_constant_schedule(int64_t microbatches) {
  return std::make_unique<ConstantSchedule>(microbatches);
}

}  // namespace seqsweep
