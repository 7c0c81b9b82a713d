// An optimizer updates the flat parameters from the flat mean gradient. All its state is tensors,
// so that a checkpoint holds it whole and resume is bitwise.
#pragma once

#include <torch/types.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "core/base/registry.h"
#include "core/train/parameters.h"
#include "core/train/tensor_file.h"

namespace seqsweep {

// What an optimizer tells of a step; NaN: it has no such figure.
struct StepReport {
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double h = std::numeric_limits<double>::quiet_NaN();     // USGM: H_k.
  double beta = std::numeric_limits<double>::quiet_NaN();  // USGM: beta-hat_k.
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One update of parameters.values() from parameters.gradients(), the mean over the step's targets
  // (the same bits on every rank of a group).
  virtual StepReport step() = 0;
  // References to the state, saved by copying out and restored by copying in.
  virtual NamedTensors state() = 0;
};

struct OptimizerContext {
  Parameters& parameters;
};

using OptimizerRegistry = Registry<std::unique_ptr<Optimizer>, const OptimizerContext&>;
OptimizerRegistry& optimizers();

// Trait {"default": true}: used by a sweep file that names no optimizer.
template <ConfigStruct Config>
struct RegisterOptimizer {
  RegisterOptimizer(std::string name, std::string summary,
                    std::unique_ptr<Optimizer> (*make)(const Config&, const OptimizerContext&),
                    Json traits = Json::object()) {
    optimizers().add<Config>(std::move(name), std::move(summary), make, std::move(traits));
  }
};

}  // namespace seqsweep
