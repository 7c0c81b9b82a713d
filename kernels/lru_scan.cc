#include "kernels/lru_scan.h"

#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/lru_scan_cpu.h"
#include "kernels/lru_scan_cuda.h"
#include "kernels/packed_rows.h"

namespace seqsweep {

LruScanCuda lru_scan_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kLruScan = "lru_scan";

LruScanParams lru_cuda_params(const LruScanInputs& in) {
  return {.x_TE2 = in.x_TE2.data_ptr(),
          .lambda_2E = in.lambda_2E.data_ptr<float>(),
          .offsets = in.offsets_S1.data_ptr<int32_t>(),
          .sequences = in.offsets_S1.numel() - 1,
          .channels = static_cast<int>(in.lambda_2E.size(1)),
          .bf16 = is_bf16(in.x_TE2)};
}

// Either tensor may be undefined.
void lru_forward_into(const LruScanInputs& in, const Tensor& h_TE2, const Tensor& state_SE2) {
  if (!in.x_TE2.is_cuda()) return lru_scan_forward_cpu(in, h_TE2, state_SE2);
  const c10::DeviceGuard on(in.x_TE2.device());
  LruScanParams params = lru_cuda_params(in);
  if (h_TE2.defined()) params.h_TE2 = h_TE2.data_ptr();
  if (state_SE2.defined()) params.state_SE2 = state_SE2.data_ptr<float>();
  launch_cuda(kLruScan, lru_scan_cuda.forward, params);
}

LruScanGradients lru_backward_cuda(const LruScanInputs& in, const Tensor& h_TE2,
                                   const Tensor& d_h_TE2) {
  const c10::DeviceGuard on(in.x_TE2.device());
  LruScanParams params = lru_cuda_params(in);
  const Tensor d_x = at::empty_like(h_TE2);
  const Tensor d_lambda_S2E =
      at::empty({params.sequences, 2, in.lambda_2E.size(1)}, in.lambda_2E.options());
  params.h_TE2 = h_TE2.data_ptr();
  params.d_h_TE2 = d_h_TE2.data_ptr();
  params.d_x_TE2 = d_x.data_ptr();
  params.d_lambda_S2E = d_lambda_S2E.data_ptr<float>();
  launch_cuda(kLruScan, lru_scan_cuda.backward, params);
  return {d_x, d_lambda_S2E.sum(0)};
}

class LruScan : public torch::autograd::Function<LruScan> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& lambda,
                        const Tensor& offsets) {
    const Tensor h = at::empty_like(x);
    lru_forward_into({x, lambda, offsets}, h, /*state=*/{});
    context->save_for_backward({x, lambda, offsets, h});
    return h;
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const LruScanInputs in{saved[0], saved[1], saved[2]};
    const auto run = in.x_TE2.is_cuda() ? lru_backward_cuda : lru_scan_backward_cpu;
    const LruScanGradients d = run(in, saved[3], d_outs[0].contiguous());
    return {d.x, d.lambda, Tensor()};
  }
};

LruScanInputs checked_lru_inputs(const LruScanInputs& in) {
  require_shape(kLruScan, "lambda", in.lambda_2E, {2, -1});
  if (in.lambda_2E.numel() == 0) throw_run("{}: lambda must have channels; it is empty", kLruScan);
  require_shape(kLruScan, "x", in.x_TE2, {-1, 2 * in.lambda_2E.size(1)});
  require_activation(kLruScan, in.x_TE2);
  require_parameter(kLruScan, in.x_TE2, in.lambda_2E);
  require_offsets(kLruScan, in.offsets_S1, in.x_TE2);
  return {in.x_TE2.contiguous(), in.lambda_2E.contiguous(), in.offsets_S1.contiguous()};
}

}  // namespace

Tensor lru_scan(const LruScanInputs& inputs) {
  const LruScanInputs in = checked_lru_inputs(inputs);
  return LruScan::apply(in.x_TE2, in.lambda_2E, in.offsets_S1);
}

Tensor lru_scan_from(const LruScanInputs& inputs, Tensor& state_SE2) {
  const at::NoGradGuard no_grad;
  const LruScanInputs in = checked_lru_inputs(inputs);
  require_shape(kLruScan, "state", state_SE2, {in.offsets_S1.numel() - 1, in.x_TE2.size(1)});
  require_parameter(kLruScan, in.x_TE2, state_SE2);
  const Tensor h = at::empty_like(in.x_TE2), state = state_SE2.contiguous();
  lru_forward_into(in, h, state);
  if (!state.is_same(state_SE2)) state_SE2.copy_(state);
  return h;
}

Tensor lru_scan_last(const LruScanInputs& inputs) {
  const at::NoGradGuard no_grad;
  const LruScanInputs in = checked_lru_inputs(inputs);
  const Tensor last =
      at::zeros({in.offsets_S1.numel() - 1, in.x_TE2.size(1)}, in.lambda_2E.options());
  lru_forward_into(in, /*h=*/{}, last);
  return last;
}

Tensor lru_scan_reference(const LruScanInputs& inputs) {
  const LruScanInputs in = checked_lru_inputs(inputs);
  const Tensor offsets = in.offsets_S1.cpu();
  const Tensor lambda_E = at::complex(in.lambda_2E[0], in.lambda_2E[1]);
  const auto parts = in.x_TE2.chunk(2, 1);
  const Tensor x_TE = at::complex(parts[0].contiguous(), parts[1].contiguous());
  std::vector<Tensor> states;
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    Tensor h_E = at::zeros_like(lambda_E);
    for (int64_t t = offsets[s].item<int>(); t < offsets[s + 1].item<int>(); ++t) {
      h_E = lambda_E * h_E + x_TE[t];
      states.push_back(h_E);
    }
  }
  if (states.empty()) return in.x_TE2.clone();
  const Tensor h_TE = at::stack(states);
  return at::cat({at::real(h_TE), at::imag(h_TE)}, 1);
}

}  // namespace seqsweep
