// An optimizer updates the flat parameters from the flat mean gradient. All its state is tensors,
// so that a checkpoint holds it whole and resume is bitwise.
#pragma once

#include <torch/types.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/registry.h"
#include "core/train/parameters.h"
#include "core/train/tensor_file.h"

namespace seqsweep {

// What an optimizer tells of its latest step, from x_k to x_{k+1}; NaN: it has no such figure.
struct StepReport {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double learning_rate =
      kNone;            // The parameters moved by this times the gradient (preconditioned).
  double h = kNone;     // USGM: H_k.
  double r = kNone;     // |x_k - x_{k-1}|
  double beta = kNone;  // <g_k - g_{k-1}, x_k - x_{k-1}> of the two steps' gradients.
  double gradient_square = kNone;   // |g_k|^2
  double gradient_overlap = kNone;  // <g_k, g_{k-1}>: an estimate of |g|^2 without noise.
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One update of parameters.values() from parameters.gradients(), the mean over the targets of so
  // many microbatches (the same bits on every rank of a group). Does not wait for the device.
  virtual void step(int64_t microbatches) = 0;
  virtual StepReport report() const = 0;  // Of the latest step. Waits for the device.

  // True after a step whose microbatches the optimizer wants to see again, at the new parameters:
  // gradients() are then made anew from them and look_again() is called.
  virtual bool looks_again() const { return false; }
  virtual void look_again() {}

  // [P]: what is validated and tested in place of the current parameters; undefined: they are.
  virtual torch::Tensor averaged() const { return {}; }

  // References to the state, saved by copying out and restored by copying in.
  virtual NamedTensors state() = 0;
};

struct OptimizerContext {
  Parameters& parameters;
  // Steps of all the run's epochs, if they are known before it. Empty: they are not.
  std::function<std::optional<int64_t>()> planned_steps = {};
};

using OptimizerRegistry = Registry<std::unique_ptr<Optimizer>, const OptimizerContext&>;
OptimizerRegistry& optimizers();

// Traits: {"default": true}: used by a sweep file that names no optimizer. {"reports": [...]}: the
// figures of StepReport that it has, by name, for batch schedules that need them.
template <ConfigStruct Config>
struct RegisterOptimizer {
  RegisterOptimizer(std::string name, std::string summary,
                    std::unique_ptr<Optimizer> (*make)(const Config&, const OptimizerContext&),
                    Json traits = Json::object()) {
    optimizers().add<Config>(std::move(name), std::move(summary), make, std::move(traits));
  }
};

}  // namespace seqsweep
