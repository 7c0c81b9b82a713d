#include "kernels/selective_scan.h"

#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"
#include "kernels/selective_scan_cpu.h"
#include "kernels/selective_scan_cuda.h"

namespace seqsweep {

SelectiveScanCuda selective_scan_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kSelectiveScan = "selective_scan";

TokenRows rows(const Tensor& tensor_TC) {
  return {tensor_TC.data_ptr(), tensor_TC.stride(0)};
}

SelectiveScanParams cuda_params(const SelectiveScanInputs& in) {
  return {.x = rows(in.x_TE),
          .dt = rows(in.dt_TE),
          .B = rows(in.B_TN),
          .C = rows(in.C_TN),
          .z = rows(in.z_TE),
          .A_EN = in.A_EN.data_ptr<float>(),
          .D_E = in.D_E.data_ptr<float>(),
          .dt_bias_E = in.dt_bias_E.data_ptr<float>(),
          .offsets = in.offsets_S1.data_ptr<int32_t>(),
          .tokens = in.x_TE.size(0),
          .sequences = in.offsets_S1.numel() - 1,
          .channels = static_cast<int>(in.A_EN.size(0)),
          .states = static_cast<int>(in.A_EN.size(1)),
          .bf16 = is_bf16(in.x_TE)};
}

Tensor selective_scan_forward_cuda(const SelectiveScanInputs& in, SelectiveScanKept* kept,
                                   const Tensor* state_SEN) {
  const c10::DeviceGuard on(in.x_TE.device());
  const Tensor y = at::empty(in.x_TE.sizes(), in.x_TE.options());
  SelectiveScanParams params = cuda_params(in);
  params.y = rows(y);
  if (kept != nullptr) {
    const int64_t chunks = params.tokens / kScanChunkCuda + params.sequences;
    kept->ungated_TE = at::empty(y.sizes(), in.A_EN.options());
    kept->checkpoints_PEN = at::empty({chunks, params.channels, params.states}, in.A_EN.options());
    params.ungated = rows(kept->ungated_TE);
    params.checkpoints_PEN = kept->checkpoints_PEN.data_ptr<float>();
  }
  if (state_SEN != nullptr) params.state_SEN = state_SEN->data_ptr<float>();
  launch_cuda(kSelectiveScan, selective_scan_cuda.forward, params);
  return y;
}

SelectiveScanGradients selective_scan_backward_cuda(const SelectiveScanInputs& in,
                                                    const SelectiveScanKept& kept,
                                                    const Tensor& d_y_TE) {
  const c10::DeviceGuard on(in.x_TE.device());
  SelectiveScanParams params = cuda_params(in);
  const int64_t T = params.tokens, E = params.channels, N = params.states, S = params.sequences;
  const int64_t groups = (E + kScanChannelsABlock - 1) / kScanChannelsABlock;
  const auto of_tokens = in.x_TE.options(), floats = in.A_EN.options();
  const Tensor d_x = at::empty({T, E}, of_tokens), d_dt = at::empty({T, E}, of_tokens);
  const Tensor d_z = at::empty({T, E}, of_tokens);
  const Tensor d_B_GTN = at::empty({groups, T, N}, floats), d_C_GTN = at::empty_like(d_B_GTN);
  const Tensor d_A_SEN = at::empty({S, E, N}, floats);
  const Tensor d_D_SE = at::empty({S, E}, floats), d_dt_bias_SE = at::empty({S, E}, floats);
  params.ungated = rows(kept.ungated_TE);
  params.checkpoints_PEN = kept.checkpoints_PEN.data_ptr<float>();
  params.d_y = rows(d_y_TE);
  params.d_x = rows(d_x);
  params.d_dt = rows(d_dt);
  params.d_z = rows(d_z);
  params.d_B_GTN = d_B_GTN.data_ptr<float>();
  params.d_C_GTN = d_C_GTN.data_ptr<float>();
  params.d_A_SEN = d_A_SEN.data_ptr<float>();
  params.d_D_SE = d_D_SE.data_ptr<float>();
  params.d_dt_bias_SE = d_dt_bias_SE.data_ptr<float>();
  launch_cuda(kSelectiveScan, selective_scan_cuda.backward, params);
  return {d_x,
          d_dt,
          d_A_SEN.sum(0),
          d_B_GTN.sum(0).to(in.x_TE.scalar_type()),
          d_C_GTN.sum(0).to(in.x_TE.scalar_type()),
          d_D_SE.sum(0),
          d_z,
          d_dt_bias_SE.sum(0)};
}

Tensor forward(const SelectiveScanInputs& in, SelectiveScanKept* kept, const Tensor* state_SEN) {
  const auto run = in.x_TE.is_cuda() ? selective_scan_forward_cuda : selective_scan_forward_cpu;
  return run(in, kept, state_SEN);
}

class SelectiveScan : public torch::autograd::Function<SelectiveScan> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& dt,
                        const Tensor& A, const Tensor& B, const Tensor& C, const Tensor& D,
                        const Tensor& z, const Tensor& dt_bias, const Tensor& offsets) {
    SelectiveScanKept kept;
    const Tensor y =
        seqsweep::forward({x, dt, A, B, C, D, z, dt_bias, offsets}, &kept, /*state=*/nullptr);
    context->save_for_backward(
        {x, dt, A, B, C, D, z, dt_bias, offsets, kept.ungated_TE, kept.checkpoints_PEN});
    return y;
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const SelectiveScanInputs in{saved[0], saved[1], saved[2], saved[3], saved[4],
                                 saved[5], saved[6], saved[7], saved[8]};
    const auto run = in.x_TE.is_cuda() ? selective_scan_backward_cuda : selective_scan_backward_cpu;
    const auto d = run(in, {saved[9], saved[10]}, with_contiguous_rows(d_outs[0]));
    return {d.x, d.dt, d.A, d.B, d.C, d.D, d.z, d.dt_bias, Tensor()};
  }
};

void check(const SelectiveScanInputs& in) {
  require_shape(kSelectiveScan, "x", in.x_TE, {-1, -1});
  require_shape(kSelectiveScan, "A", in.A_EN, {in.x_TE.size(1), -1});
  require_activation(kSelectiveScan, in.x_TE);
  if (in.A_EN.numel() == 0)
    throw_run("{}: A must have channels and states; it is empty", kSelectiveScan);
  const int64_t tokens = in.x_TE.size(0), channels = in.x_TE.size(1), states = in.A_EN.size(1);
  require_shape(kSelectiveScan, "dt", in.dt_TE, {tokens, channels});
  require_shape(kSelectiveScan, "B", in.B_TN, {tokens, states});
  require_shape(kSelectiveScan, "C", in.C_TN, {tokens, states});
  require_shape(kSelectiveScan, "D", in.D_E, {channels});
  require_shape(kSelectiveScan, "z", in.z_TE, {tokens, channels});
  require_shape(kSelectiveScan, "dt_bias", in.dt_bias_E, {channels});
  for (const Tensor* other : {&in.dt_TE, &in.B_TN, &in.C_TN, &in.z_TE}) {
    require_same_device_and_dtype(kSelectiveScan, in.x_TE, *other);
  }
  for (const Tensor* parameter : {&in.A_EN, &in.D_E, &in.dt_bias_E}) {
    require_parameter(kSelectiveScan, in.x_TE, *parameter);
  }
  require_shape(kSelectiveScan, "offsets", in.offsets_S1, {-1});
  require_offsets(kSelectiveScan, in.offsets_S1, in.x_TE);
}

SelectiveScanInputs with_known_strides(const SelectiveScanInputs& in) {
  return {
      with_contiguous_rows(in.x_TE), with_contiguous_rows(in.dt_TE), in.A_EN.contiguous(),
      with_contiguous_rows(in.B_TN), with_contiguous_rows(in.C_TN),  in.D_E.contiguous(),
      with_contiguous_rows(in.z_TE), in.dt_bias_E.contiguous(),      in.offsets_S1.contiguous()};
}

bool needs_gradient(const SelectiveScanInputs& in) {
  if (!at::GradMode::is_enabled()) return false;
  for (const Tensor* t :
       {&in.x_TE, &in.dt_TE, &in.A_EN, &in.B_TN, &in.C_TN, &in.D_E, &in.z_TE, &in.dt_bias_E}) {
    if (t->requires_grad()) return true;
  }
  return false;
}

}  // namespace

Tensor selective_scan(const SelectiveScanInputs& inputs) {
  check(inputs);
  const SelectiveScanInputs in = with_known_strides(inputs);
  if (!needs_gradient(in)) return forward(in, /*kept=*/nullptr, /*state=*/nullptr);
  return SelectiveScan::apply(in.x_TE, in.dt_TE, in.A_EN, in.B_TN, in.C_TN, in.D_E, in.z_TE,
                              in.dt_bias_E, in.offsets_S1);
}

Tensor selective_scan_from(const SelectiveScanInputs& inputs, Tensor& state_SEN) {
  check(inputs);
  require_shape(kSelectiveScan, "state", state_SEN,
                {inputs.offsets_S1.numel() - 1, inputs.A_EN.size(0), inputs.A_EN.size(1)});
  require_parameter(kSelectiveScan, inputs.x_TE, state_SEN);
  const at::NoGradGuard no_grad;
  const Tensor state = state_SEN.contiguous();
  const Tensor y = forward(with_known_strides(inputs), /*kept=*/nullptr, &state);
  if (!state.is_same(state_SEN)) state_SEN.copy_(state);
  return y;
}

Tensor selective_scan_reference(const SelectiveScanInputs& inputs) {
  check(inputs);
  const Tensor offsets = inputs.offsets_S1.cpu();
  const Tensor steps_TE = at::softplus(inputs.dt_TE + inputs.dt_bias_E);
  std::vector<Tensor> ys;
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    Tensor state_EN = at::zeros_like(inputs.A_EN);
    for (int64_t t = offsets[s].item<int>(); t < offsets[s + 1].item<int>(); ++t) {
      const Tensor step_E1 = steps_TE[t].unsqueeze(1), added_E = steps_TE[t] * inputs.x_TE[t];
      state_EN = at::exp(step_E1 * inputs.A_EN) * state_EN + at::outer(added_E, inputs.B_TN[t]);
      const Tensor y_E = at::mv(state_EN, inputs.C_TN[t]) + inputs.D_E * inputs.x_TE[t];
      ys.push_back(y_E * at::silu(inputs.z_TE[t]));
    }
  }
  return ys.empty() ? at::zeros_like(inputs.x_TE) : at::stack(ys);
}

}  // namespace seqsweep
