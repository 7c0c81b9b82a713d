// Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019): one fused pass over all parameters.
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <torch/types.h>

#include <algorithm>
#include <optional>

#include "core/train/learning_rate.h"
#include "core/train/optimizer.h"

namespace seqsweep {
namespace {

struct AdamConfig : LearningRateConfig {
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double average = 0;

  void fields(auto&& field) {
    LearningRateConfig::fields(field);
    field("beta1", beta1, "decay of the mean of gradients", between_below(0, 1));
    field("beta2", beta2, "decay of the mean of squared gradients", between_below(0, 1));
    field("eps", eps, "added to the root of the squared mean", above(0));
    field("weight_decay", weight_decay,
          "adam: adds this times the parameters to the gradient; adamw: shrinks the parameters by "
          "this times lr",
          at_least(0));
    field("average", average,
          "decay of the running mean of the parameters that is validated and kept in their place; "
          "0: none",
          between_below(0, 1));
  }
};

struct AdamWConfig : AdamConfig {
  AdamWConfig() { weight_decay = 0.01; }
};

using FusedUpdate = void (*)(at::TensorList values, at::TensorList gradients, at::TensorList means,
                             at::TensorList squares, at::TensorList largest_squares,
                             at::TensorList steps, double lr, double beta1, double beta2,
                             double weight_decay, double eps, bool amsgrad, bool maximize,
                             const std::optional<at::Tensor>& grad_scale,
                             const std::optional<at::Tensor>& found_inf);

class Adam : public Optimizer {
 public:
  Adam(const char* name, const AdamConfig& config, FusedUpdate update,
       const OptimizerContext& context)
      : config_(config),
        learning_rate_(name, config, context),
        update_(update),
        parameters_(context.parameters),
        mean_(torch::zeros_like(parameters_.values())),
        square_(torch::zeros_like(parameters_.values())),
        device_steps_(torch::zeros({}, mean_.options().dtype(torch::kFloat32))) {
    if (config.average > 0) average_ = torch::zeros_like(parameters_.values());
  }

  void step(int64_t) override {
    lr_ = learning_rate_.at(steps_.item<int64_t>());
    steps_ += 1;
    device_steps_.fill_(steps_.item<int64_t>());
    update_({parameters_.values()}, {parameters_.gradients()}, {mean_}, {square_}, {},
            {device_steps_}, lr_, config_.beta1, config_.beta2, config_.weight_decay, config_.eps,
            /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
    if (average_.defined()) follow_parameters();
  }
  StepReport report() const override { return {.learning_rate = lr_}; }

  torch::Tensor averaged() const override {
    return steps_.item<int64_t>() > 0 ? average_ : torch::Tensor();
  }

  NamedTensors state() override {
    NamedTensors state = {{"mean", mean_}, {"square", square_}, {"steps", steps_}};
    if (average_.defined()) state.emplace_back("average", average_);
    return state;
  }

 private:
  // Of the first steps a plain mean, so that the start is forgotten at once.
  void follow_parameters() {
    const double share = 1.0 / static_cast<double>(steps_.item<int64_t>());
    average_.lerp_(parameters_.values(), std::max(share, 1 - config_.average));
  }

  AdamConfig config_;
  LearningRate learning_rate_;
  double lr_ = StepReport::kNone;  // Of the latest step.
  FusedUpdate update_;             // Where weight decay goes is its only difference.
  Parameters& parameters_;
  torch::Tensor mean_, square_;  // [P]: of the gradient and of its square, decayed.
  torch::Tensor steps_ = torch::zeros({}, torch::kInt64);  // Done; on the host.
  torch::Tensor device_steps_;                             // The same where the update wants it.
  torch::Tensor average_;  // [P]: of the parameters; undefined: none is kept.
};

std::unique_ptr<Optimizer> make_adam(const AdamConfig& config, const OptimizerContext& context) {
  return std::make_unique<Adam>("adam", config, FusedUpdate{at::_fused_adam_}, context);
}

std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const OptimizerContext& context) {
  return std::make_unique<Adam>("adamw", config, FusedUpdate{at::_fused_adamw_}, context);
}

const RegisterOptimizer<AdamConfig> kAdam{
    "adam", "Adam (Kingma & Ba 2015)", make_adam, {{"default", true}}};
const RegisterOptimizer<AdamWConfig> kAdamW{
    "adamw", "Adam with decoupled weight decay (Loshchilov & Hutter 2019)", make_adamw};

}  // namespace
}  // namespace seqsweep
