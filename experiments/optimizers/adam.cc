// Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019): one fused pass over all parameters.
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <torch/types.h>

#include <optional>

#include "core/train/optimizer.h"

namespace seqsweep {
namespace {

struct AdamConfig {
  double lr = 0.001;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double average = 0;

  void fields(auto&& field) {
    field("lr", lr, "learning rate", above(0));
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
  Adam(const AdamConfig& config, FusedUpdate update, Parameters& parameters)
      : config_(config),
        update_(update),
        parameters_(parameters),
        mean_(torch::zeros_like(parameters.values())),
        square_(torch::zeros_like(parameters.values())),
        steps_(torch::zeros({}, mean_.options().dtype(torch::kFloat32))) {
    if (config.average > 0) average_ = torch::zeros_like(parameters.values());
  }

  void step(int64_t) override {
    steps_.add_(1);
    update_({parameters_.values()}, {parameters_.gradients()}, {mean_}, {square_}, {}, {steps_},
            config_.lr, config_.beta1, config_.beta2, config_.weight_decay, config_.eps,
            /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
    if (average_.defined()) follow_parameters();
  }
  StepReport report() const override { return {.learning_rate = config_.lr}; }

  torch::Tensor averaged() const override { return average_; }

  NamedTensors state() override {
    NamedTensors state = {{"mean", mean_}, {"square", square_}, {"steps", steps_}};
    if (average_.defined()) state.emplace_back("average", average_);
    return state;
  }

 private:
  // Of the first steps a plain mean, so that the start is forgotten at once.
  void follow_parameters() {
    const torch::Tensor share = steps_.reciprocal().clamp_min(1 - config_.average);
    average_.lerp_(parameters_.values(), share.to(average_.scalar_type()));
  }

  AdamConfig config_;
  FusedUpdate update_;  // Where weight decay goes is its only difference.
  Parameters& parameters_;
  torch::Tensor mean_, square_;  // [P]: of the gradient and of its square, decayed.
  torch::Tensor steps_;          // Done, on the parameters' device.
  torch::Tensor average_;        // [P]: of the parameters; undefined: none is kept.
};

std::unique_ptr<Optimizer> make_adam(const AdamConfig& config, const OptimizerContext& context) {
  return std::make_unique<Adam>(config, FusedUpdate{at::_fused_adam_}, context.parameters);
}

std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const OptimizerContext& context) {
  return std::make_unique<Adam>(config, FusedUpdate{at::_fused_adamw_}, context.parameters);
}

const RegisterOptimizer<AdamConfig> kAdam{
    "adam", "Adam (Kingma & Ba 2015)", make_adam, {{"default", true}}};
const RegisterOptimizer<AdamWConfig> kAdamW{
    "adamw", "Adam with decoupled weight decay (Loshchilov & Hutter 2019)", make_adamw};

}  // namespace
}  // namespace seqsweep
