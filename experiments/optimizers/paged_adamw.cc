// AdamW for parameters whose states would not fit beside them: states that take more than the
// device's budget lie in host memory, pinned where the device is a GPU, and pass through the device
// a bucket at a time; 8-bit states are a quarter in size (kernels/blockwise_adamw.h). Neither
// changes what a step does: results are those of states that stay on the device. Legend: P
// parameters.
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/train/learning_rate.h"
#include "core/train/optimizer.h"
#include "kernels/blockwise_adamw.h"

namespace seqsweep {
namespace {

using torch::Tensor;

enum class StateBits { Full, Eight };
constexpr std::array<std::pair<StateBits, const char*>, 2> enum_names(StateBits) {
  return {{{StateBits::Full, "32"}, {StateBits::Eight, "8"}}};
}

struct PagedAdamWConfig : LearningRateConfig {
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  StateBits state_bits = StateBits::Full;
  double device_budget_mb = 1024;

  void fields(auto&& field) {
    LearningRateConfig::fields(field);
    field("beta1", beta1, "decay of the mean of gradients", between_below(0, 1));
    field("beta2", beta2, "decay of the mean of squared gradients", between_below(0, 1));
    field("eps", eps, "added to the root of the squared mean", above(0));
    field("weight_decay", weight_decay, "shrinks the parameters by this times lr", at_least(0));
    field("state_bits", state_bits,
          "32: results of adamw; 8: both means in codes of 8 bits with a scale a block of 256");
    field("device_budget_mb", device_budget_mb,
          "megabytes of states that may stay on the device; of more, all lie in host memory and "
          "pass through so much of the device's",
          above(0));
  }
};

// A state tensor over the parameters: so many of them share one of its numbers.
struct StateTensor {
  const char* name;
  int64_t parameters_a_number;
  Tensor whole;  // On the device, or paged out.
  Tensor stage;  // Where a bucket of a paged one is worked on.
};

// States on the device, or on the host and a bucket of them on the device.
class PagedStates {
 public:
  PagedStates(int64_t parameters, c10::Device device, double budget_mb)
      : parameters_(parameters), device_(device), budget_bytes_(budget_mb * 1024 * 1024) {}

  void add(const char* name, int64_t parameters_a_number, c10::ScalarType dtype) {
    states_.push_back({name, parameters_a_number, torch::empty({0}, dtype), {}});
  }

  // After all were added. Zeros.
  void allocate() {
    double bytes_a_parameter = 0;
    for (const StateTensor& state : states_) {
      bytes_a_parameter += static_cast<double>(state.whole.element_size()) /
                           static_cast<double>(state.parameters_a_number);
    }
    const auto fits = static_cast<int64_t>(budget_bytes_ / bytes_a_parameter);
    paged_ = fits < parameters_;
    bucket_ = paged_ ? std::max(fits / kStateBlock, int64_t{1}) * kStateBlock : parameters_;
    for (StateTensor& state : states_) {
      const auto zeros = [&](int64_t parameters, c10::Device on) {
        return torch::zeros({numbers(state, parameters)},
                            torch::dtype(state.whole.scalar_type())
                                .device(on)
                                .pinned_memory(on.is_cpu() && device_.is_cuda()));
      };
      state.whole = zeros(parameters_, paged_ ? c10::Device(torch::kCPU) : device_);
      if (paged_) state.stage = zeros(bucket_, device_);
    }
  }

  // update(first parameter, how many, their states on the device), bucket by bucket. On a GPU it
  // all is queued on its stream; the host does not wait.
  void for_each_bucket(const auto& update) {
    for (int64_t first = 0; first < parameters_; first += bucket_) {
      const int64_t count = std::min(bucket_, parameters_ - first);
      std::vector<Tensor> on_device;
      for (const StateTensor& state : states_) {
        const Tensor whole = part(state, first, count);
        if (paged_) {
          on_device.push_back(state.stage.narrow(0, 0, whole.numel()));
          on_device.back().copy_(whole, /*non_blocking=*/true);
        } else {
          on_device.push_back(whole);
        }
      }
      update(first, count, on_device);
      for (size_t i = 0; paged_ && i < states_.size(); ++i) {
        part(states_[i], first, count).copy_(on_device[i], /*non_blocking=*/true);
      }
    }
  }

  // The host may read and write them.
  NamedTensors tensors() const {
    if (paged_ && device_.is_cuda()) {
      c10::impl::VirtualGuardImpl(device_.type()).synchronizeDevice(device_.index());
    }
    NamedTensors all;
    for (const StateTensor& state : states_) all.emplace_back(state.name, state.whole);
    return all;
  }

 private:
  static int64_t numbers(const StateTensor& state, int64_t parameters) {
    return (parameters + state.parameters_a_number - 1) / state.parameters_a_number;
  }
  static Tensor part(const StateTensor& state, int64_t first, int64_t count) {
    return state.whole.narrow(0, first / state.parameters_a_number, numbers(state, count));
  }

  int64_t parameters_;
  c10::Device device_;
  double budget_bytes_;
  std::vector<StateTensor> states_;
  int64_t bucket_ = 0;  // Parameters: whole blocks, but where there is one bucket.
  bool paged_ = false;
};

class PagedAdamW : public Optimizer {
 public:
  PagedAdamW(const PagedAdamWConfig& config, const OptimizerContext& context)
      : config_(config),
        learning_rate_("paged_adamw", config, context),
        parameters_(context.parameters),
        states_(parameters_.values().numel(), parameters_.values().device(),
                config.device_budget_mb) {
    const Tensor& values = parameters_.values();
    if (config.state_bits == StateBits::Full) {
      states_.add("mean", 1, values.scalar_type());
      states_.add("square", 1, values.scalar_type());
      device_steps_ = torch::zeros({}, values.options().dtype(torch::kFloat32));
    } else {
      if (values.scalar_type() != torch::kFloat32) {
        throw_input(
            "optimizer paged_adamw: state_bits: 8 needs parameters of float32; these are {}",
            c10::toString(values.scalar_type()));
      }
      states_.add("mean_codes", 1, torch::kUInt8);
      states_.add("square_codes", 1, torch::kUInt8);
      states_.add("mean_scales", kStateBlock, torch::kFloat32);
      states_.add("square_scales", kStateBlock, torch::kFloat32);
      codebooks_ = state_codebooks(values.device());
    }
    states_.allocate();
  }

  void step(int64_t) override {
    lr_ = learning_rate_.at(steps_.item<int64_t>());
    steps_ += 1;
    const int64_t step = steps_.item<int64_t>();
    if (device_steps_.defined()) device_steps_.fill_(step);
    states_.for_each_bucket([&](int64_t first, int64_t count, const std::vector<Tensor>& states) {
      const Tensor values = parameters_.values().narrow(0, first, count);
      const Tensor gradients = parameters_.gradients().narrow(0, first, count);
      if (config_.state_bits == StateBits::Full) {
        at::_fused_adamw_({values}, {gradients}, {states[0]}, {states[1]}, {}, {device_steps_}, lr_,
                          config_.beta1, config_.beta2, config_.weight_decay, config_.eps,
                          /*amsgrad=*/false, /*maximize=*/false);
      } else {
        blockwise_adamw_step({.values = values,
                              .gradients = gradients,
                              .mean_codes = states[0],
                              .square_codes = states[1],
                              .mean_scales = states[2],
                              .square_scales = states[3],
                              .codebooks = codebooks_},
                             {.lr = lr_,
                              .beta1 = config_.beta1,
                              .beta2 = config_.beta2,
                              .eps = config_.eps,
                              .weight_decay = config_.weight_decay,
                              .step = step});
      }
    });
  }

  StepReport report() const override { return {.learning_rate = lr_}; }

  NamedTensors state() override {
    NamedTensors all = states_.tensors();
    all.emplace_back("steps", steps_);
    return all;
  }

 private:
  PagedAdamWConfig config_;
  LearningRate learning_rate_;
  double lr_ = StepReport::kNone;  // Of the latest step.
  Parameters& parameters_;
  PagedStates states_;
  Tensor steps_ = torch::zeros({}, torch::kInt64);  // Done; on the host.
  Tensor device_steps_;                             // state_bits: 32: the same on the device.
  Tensor codebooks_;                                // state_bits: 8
};

std::unique_ptr<Optimizer> make_paged_adamw(const PagedAdamWConfig& config,
                                            const OptimizerContext& context) {
  return std::make_unique<PagedAdamW>(config, context);
}

const RegisterOptimizer<PagedAdamWConfig> kPagedAdamW{
    "paged_adamw", "adamw with states of 32 or 8 bits that may lie in host memory",
    make_paged_adamw};

}  // namespace
}  // namespace seqsweep
