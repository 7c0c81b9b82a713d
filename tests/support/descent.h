// An optimizer over one tensor, given its gradients by hand.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>

#include "core/train/optimizer.h"

namespace seqsweep {

struct Point : torch::nn::Module {
  explicit Point(const torch::Tensor& start) { x = register_parameter("x", start.clone()); }
  torch::Tensor x;
};

struct Descent {
  Descent(const torch::Tensor& start, const Json& spec)
      : point(start), parameters(point), optimizer(optimizers().make(spec, {parameters})) {}
  StepReport step(const torch::Tensor& gradient, int64_t microbatches = 1) {
    parameters.gradients().copy_(gradient);
    optimizer->step(microbatches);
    return optimizer->report();
  }
  torch::Tensor x() { return parameters.values(); }

  Point point;
  Parameters parameters;
  std::unique_ptr<Optimizer> optimizer;
};

}  // namespace seqsweep
