// The gradient noise scale (McCandlish et al. 2018, "An empirical model of large-batch training"):
// B = tr(Sigma) / |g|^2, the batch at which noise and gradient are of one size. Both come from two
// consecutive gradients, whose noise is independent: E<g_k, g_{k-1}> is about |g|^2, and what
// E|g_k|^2 has more is tr(Sigma) / B_k.
#include <cmath>

#include "core/train/batch_limits.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

struct NoiseScaleConfig {
  double alpha = 0.05;
  double factor = 1;
  BatchLimits limits;

  void fields(auto&& field) {
    field("alpha", alpha, "weight of the latest step in the running means",
          Rule{.minimum = 0, .maximum = 1, .above_minimum = true});
    field("factor", factor, "the batch is this times the noise scale", above(0));
    limits.fields(field);
  }
};

class NoiseScaleSchedule : public BatchSchedule {
 public:
  NoiseScaleSchedule(const NoiseScaleConfig& config, const BatchScheduleContext& context)
      : config_(config), context_(context), microbatches_(context.microbatches) {
    config_.limits.require_room(context);
  }

  int64_t microbatches(const TrainPosition& position) override {
    microbatches_ = config_.limits.clamp(microbatches_, position, context_.batch_size);
    return microbatches_;
  }

  bool observes() const override { return true; }
  void observe(const StepReport& report, int64_t batch_size) override {
    if (!std::isfinite(report.gradient_overlap)) return;  // The first step has none.
    weight_ += config_.alpha * (1 - weight_);
    const double share = config_.alpha / weight_;
    const double noise =
        (report.gradient_square - report.gradient_overlap) * static_cast<double>(batch_size);
    signal_ += share * (report.gradient_overlap - signal_);
    noise_ += share * (noise - noise_);
    follow();
  }

  Json state() const override { return {microbatches_, weight_, signal_, noise_}; }
  void restore(const Json& state) override {
    microbatches_ = state[0];
    weight_ = state[1];
    signal_ = state[2];
    noise_ = state[3];
  }

 private:
  // Grows by one microbatch a step at most: one noisy estimate must not cost an epoch. Where no
  // signal shows through the noise, a larger batch is what is needed.
  void follow() {
    const double wanted =
        std::ceil(config_.factor * noise_ / signal_ / static_cast<double>(context_.batch_size));
    const bool enough = signal_ > 0 && wanted <= static_cast<double>(microbatches_);
    microbatches_ = enough ? static_cast<int64_t>(wanted) : microbatches_ + 1;
  }

  NoiseScaleConfig config_;
  BatchScheduleContext context_;
  int64_t microbatches_;
  double weight_ = 0;              // Of all steps seen, at most 1.
  double signal_ = 0, noise_ = 0;  // Running means of |g|^2 and tr(Sigma).
};

const RegisterBatchSchedule<NoiseScaleConfig> kNoiseScale{
    "noise_scale",
    "follows the gradient noise scale tr(Sigma) / |g|^2 (McCandlish et al. 2018)",
    make_schedule<NoiseScaleSchedule, NoiseScaleConfig>,
    {{"needs", "gradient_overlap"}}};

}  // namespace
}  // namespace seqsweep
