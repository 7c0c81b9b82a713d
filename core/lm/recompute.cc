#include "core/lm/recompute.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <torch/autograd.h>

#include <span>
#include <vector>

namespace seqsweep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using LayerFunction = std::function<Tensor(const Tensor&)>;

// Those that a layer on this device draws from.
std::vector<at::Generator> generators(at::Device device) {
  std::vector<at::Generator> all = {at::detail::getDefaultCPUGenerator()};
  if (!device.is_cpu()) all.push_back(at::globalContext().defaultGenerator(device));
  return all;
}

variable_list states(at::Device device) {
  variable_list all;
  for (const at::Generator& generator : generators(device)) all.push_back(generator.get_state());
  return all;
}

void set_states(at::Device device, std::span<const Tensor> states) {
  std::vector<at::Generator> all = generators(device);
  for (size_t i = 0; i < all.size(); ++i) all[i].set_state(states[i]);
}

// Held by the graph, so it lives as long as a backward may come.
struct HeldFunction : torch::CustomClassHolder {
  explicit HeldFunction(LayerFunction f) : call(std::move(f)) {}
  LayerFunction call;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x,
                        const c10::intrusive_ptr<HeldFunction>& f) {
    variable_list kept = states(x.device());
    kept.push_back(x);
    context->save_for_backward(kept);
    context->saved_data["f"] = c10::IValue::make_capsule(f);
    const torch::NoGradGuard no_grad;
    return f->call(x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Device device = saved.back().device();
    const auto f =
        c10::static_intrusive_pointer_cast<HeldFunction>(context->saved_data["f"].toCapsule());
    const variable_list now = states(device);
    set_states(device, saved);
    const Tensor x = saved.back().detach().requires_grad_();
    {
      const torch::AutoGradMode with_gradients(true);
      torch::autograd::backward({f->call(x)}, {gradients[0]});
    }
    set_states(device, now);
    return {x.grad(), Tensor()};
  }
};

}  // namespace

Tensor recomputed(LayerFunction f, const Tensor& x) {
  if (!torch::GradMode::is_enabled()) return f(x);
  // Autograd comes back only where an argument asks for it; f's parameters are none. The first
  // layer above a fixed embedding has nothing else.
  const Tensor asking = x.requires_grad() ? x : x.detach().requires_grad_();
  return Recompute::apply(asking, c10::make_intrusive<HeldFunction>(std::move(f)));
}

}  // namespace seqsweep
