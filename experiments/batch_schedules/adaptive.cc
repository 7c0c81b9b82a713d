// The paper's adaptive batching (section 3.6): beta-hat is fitted as c1 + c2 / sqrt(B) (equation
// 2.2); the batch grows while the noise c2 / sqrt(B) is above the curvature c1, stays when it is
// not (the plateau) until the epoch's end, and is lowered then, for it may have become too large.
#include <cmath>

#include "core/base/log.h"
#include "core/train/batch_limits.h"
#include "core/train/batch_schedule.h"
#include "core/train/weighted_line.h"

namespace seqsweep {
namespace {

// c1 = L r^(1 + nu) and c2 = sigma r shrink as the steps do; divided by r or r^2, what is fitted is
// stationary: beta / r = L r^nu + sigma / sqrt(B), and for the square the noise of a gradient along
// itself, beta / r^2 = L + (|g|^2 noise) / B.
enum class FitOf { Beta, BetaOverR, BetaOverR2 };
constexpr std::array<std::pair<FitOf, const char*>, 3> enum_names(FitOf) {
  return {{{FitOf::Beta, "beta"},
           {FitOf::BetaOverR, "beta_over_r"},
           {FitOf::BetaOverR2, "beta_over_r2"}}};
}

enum class FitHistory { All, Epoch };
constexpr std::array<std::pair<FitHistory, const char*>, 2> enum_names(FitHistory) {
  return {{{FitHistory::All, "all"}, {FitHistory::Epoch, "epoch"}}};
}

struct AdaptiveConfig {
  double alpha = 0.01;
  int64_t growth = 1;
  double shrink = 2;
  FitHistory history = FitHistory::All;
  FitOf fit = FitOf::Beta;
  int64_t confirm = 1;
  BatchLimits limits;

  void fields(auto&& field) {
    field("alpha", alpha, "an observation's weight shrinks by this part with every later step",
          between_below(0, 1));
    field("growth", growth, "microbatches that a step gains before the plateau", at_least(1));
    field("shrink", shrink,
          "the batch is divided by this at an epoch's end (the paper's lambda / B_0)", at_least(1));
    field("history", history, "what is fitted: all steps, or those of the epoch");
    field("fit", fit,
          "beta and beta_over_r against 1/sqrt(B) (the paper's is beta), beta_over_r2 against 1/B");
    field("confirm", confirm,
          "the plateau is one when so many fits in a row say so; 1: the paper's", at_least(1));
    limits.fields(field);
  }
};

class AdaptiveSchedule : public BatchSchedule {
 public:
  AdaptiveSchedule(const AdaptiveConfig& config, const BatchScheduleContext& context)
      : config_(config),
        context_(context),
        microbatches_(context.microbatches),
        line_(1 - config.alpha) {
    config_.limits.require_room(context);
  }

  int64_t microbatches(const TrainPosition& position) override {
    used_ = microbatches_ = config_.limits.clamp(microbatches_, position, context_.batch_size);
    return used_;
  }

  bool observes() const override { return true; }
  void observe(const StepReport& report, int64_t batch_size) override {
    const double both = mean_of_two(static_cast<double>(batch_size));
    batch_before_ = batch_size;
    const double figure = fitted_figure(report);
    if (!std::isfinite(figure)) return;  // The first step has none.
    line_.add(x_of(both), figure);
    if (plateau_) return;
    flat_fits_ = says_plateau(static_cast<double>(batch_size)) ? flat_fits_ + 1 : 0;
    plateau_ = flat_fits_ >= config_.confirm;
    if (!plateau_) microbatches_ += config_.growth;
  }

  void end_epoch() override {
    if (odd_fits_ > 0) {
      log_info("adaptive batch: {} fits of this epoch had a negative c1 or c2 (c1: grow; c2: stay)",
               odd_fits_);
    }
    odd_fits_ = flat_fits_ = 0;
    plateau_ = false;
    microbatches_ =
        std::max<int64_t>(static_cast<int64_t>(static_cast<double>(used_) / config_.shrink), 1);
    if (config_.history == FitHistory::Epoch) line_.clear();
  }

  ScheduleReport report() const override {
    const auto fit = line_.fit();
    return fit ? ScheduleReport{fit->intercept, fit->slope} : ScheduleReport{};
  }

  Json state() const override {
    return {microbatches_, plateau_, batch_before_, odd_fits_, flat_fits_, line_.state(), used_};
  }
  void restore(const Json& state) override {
    microbatches_ = state[0];
    plateau_ = state[1];
    batch_before_ = state[2];
    odd_fits_ = state[3];
    flat_fits_ = state[4];
    line_.restore(state[5]);
    used_ = state.size() > 6 ? state[6].get<int64_t>() : microbatches_;  // Older ones have none.
  }

 private:
  // The noise of two gradients is in beta-hat: that of this step and of the one before.
  double mean_of_two(double batch_size) const {
    if (batch_before_ == 0) return batch_size;
    return 2 / (1 / batch_size + 1 / static_cast<double>(batch_before_));
  }

  double fitted_figure(const StepReport& report) const {
    switch (config_.fit) {
      case FitOf::Beta:
        return report.beta;
      case FitOf::BetaOverR:
        return report.beta / report.r;
      case FitOf::BetaOverR2:
        return report.beta / (report.r * report.r);
    }
    return StepReport::kNone;
  }

  double x_of(double batch_size) const {
    return config_.fit == FitOf::BetaOverR2 ? 1 / batch_size : 1 / std::sqrt(batch_size);
  }

  // Of one size of batch nothing can be fitted: it grows. No noise to be seen: it stays. No
  // curvature to be seen: it grows.
  bool says_plateau(double batch_size) {
    const auto fit = line_.fit();
    if (!fit) return false;
    odd_fits_ += fit->slope <= 0 || fit->intercept <= 0;
    if (fit->slope <= 0) return true;
    return fit->intercept >= fit->slope * x_of(batch_size);
  }

  AdaptiveConfig config_;
  BatchScheduleContext context_;
  int64_t microbatches_;  // Of the next step.
  int64_t used_ = 1;      // Of the latest one.
  bool plateau_ = false;
  int64_t batch_before_ = 0;  // Examples of the step before; 0: there was none.
  int64_t odd_fits_ = 0;      // Of this epoch.
  int64_t flat_fits_ = 0;     // In a row, the latest ones.
  WeightedLine line_;
};

const RegisterBatchSchedule<AdaptiveConfig> kAdaptive{
    "adaptive",
    "grows while the noise in beta-hat is above the curvature (the paper's section 3.6)",
    make_schedule<AdaptiveSchedule, AdaptiveConfig>,
    {{"needs", "beta"}, {"shorthand", "adaptive_batch"}}};

}  // namespace
}  // namespace seqsweep
