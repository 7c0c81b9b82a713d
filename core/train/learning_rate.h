// The learning rate of each step: a warm-up, then constant or falling. Optimizers that have one
// take these settings, so that they mean the same everywhere. The numbers are those of
// transformers' get_constant_schedule_with_warmup and get_linear_schedule_with_warmup.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/config.h"
#include "core/train/optimizer.h"

namespace seqsweep {

enum class Decay { None, Linear };
constexpr std::array<std::pair<Decay, const char*>, 2> enum_names(Decay) {
  return {{{Decay::None, "none"}, {Decay::Linear, "linear"}}};
}

struct LearningRateConfig {
  double lr = 0.001;
  int64_t warm_up_steps = 0;
  Decay decay = Decay::None;
  std::optional<int64_t> decay_steps;

  void fields(auto&& field) {
    field("lr", lr, "learning rate, the highest of all steps", above(0));
    field("warm_up_steps", warm_up_steps,
          "steps over which it rises from 0, the rate of the first of them", at_least(0));
    field("decay", decay, "linear: after the warm-up it falls towards 0 at decay_steps");
    field("decay_steps", decay_steps,
          "null: the steps of all epochs, whether or not training stops before", at_least(1));
  }
};

class LearningRate {
 public:
  // Throws Error (Fault::Input) that names the optimizer: when the settings contradict each other
  // or the run's steps are needed and not known.
  LearningRate(std::string_view optimizer, const LearningRateConfig& config,
               const OptimizerContext& context);

  double at(int64_t step) const;  // From 0.

 private:
  double lr_;
  int64_t warm_up_steps_;
  std::optional<int64_t> decay_steps_;  // Nothing: it does not fall.
};

}  // namespace seqsweep
