#include "core/train/learning_rate.h"

#include <algorithm>

#include "core/base/error.h"

namespace seqsweep {
namespace {

int64_t last_step_of(std::string_view optimizer, const LearningRateConfig& config,
                     const OptimizerContext& context) {
  if (config.decay_steps && *config.decay_steps <= config.warm_up_steps) {
    throw_input(
        "optimizer {}: decay begins after the warm-up: decay_steps must be above warm_up_steps; "
        "they are {} and {}",
        optimizer, *config.decay_steps, config.warm_up_steps);
  }
  std::optional<int64_t> steps = config.decay_steps;
  if (!steps && context.planned_steps) steps = context.planned_steps();
  if (!steps) {
    throw_input(
        "optimizer {}: decay: linear needs decay_steps here: how many steps the run takes is not "
        "known before it, since its batch schedule adapts them",
        optimizer);
  }
  return std::max(*steps, config.warm_up_steps + 1);  // A short run ends within the warm-up.
}

}  // namespace

LearningRate::LearningRate(std::string_view optimizer, const LearningRateConfig& config,
                           const OptimizerContext& context)
    : lr_(config.lr), warm_up_steps_(config.warm_up_steps) {
  if (config.decay == Decay::Linear) decay_steps_ = last_step_of(optimizer, config, context);
  if (config.decay == Decay::None && config.decay_steps) {
    throw_input("optimizer {}: decay_steps: {} needs decay: linear", optimizer,
                *config.decay_steps);
  }
}

double LearningRate::at(int64_t step) const {
  if (step < warm_up_steps_) {
    return lr_ * static_cast<double>(step) / static_cast<double>(warm_up_steps_);
  }
  if (!decay_steps_) return lr_;
  const int64_t left = std::max<int64_t>(*decay_steps_ - step, 0);
  return lr_ * static_cast<double>(left) / static_cast<double>(*decay_steps_ - warm_up_steps_);
}

}  // namespace seqsweep
