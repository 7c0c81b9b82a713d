#include "core/lm/recompute.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/autograd.h>

namespace seqsweep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using LayerFunction = std::function<Tensor(const Tensor&)>;

at::Generator cpu_generator() {
  return at::detail::getDefaultCPUGenerator();
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
    context->save_for_backward({x, cpu_generator().get_state()});
    context->saved_data["f"] = c10::IValue::make_capsule(f);
    const torch::NoGradGuard no_grad;
    return f->call(x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto f =
        c10::static_intrusive_pointer_cast<HeldFunction>(context->saved_data["f"].toCapsule());
    const Tensor now = cpu_generator().get_state();
    cpu_generator().set_state(saved[1]);
    const Tensor x = saved[0].detach().requires_grad_();
    {
      const torch::AutoGradMode with_gradients(true);
      torch::autograd::backward({f->call(x)}, {gradients[0]});
    }
    cpu_generator().set_state(now);
    return {x.grad(), Tensor()};
  }
};

}  // namespace

Tensor recomputed(LayerFunction f, const Tensor& x) {
  if (!torch::GradMode::is_enabled()) return f(x);
  return Recompute::apply(x, c10::make_intrusive<HeldFunction>(std::move(f)));
}

}  // namespace seqsweep
