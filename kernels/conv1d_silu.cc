#include "kernels/conv1d_silu.h"

#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/conv1d_silu_cpu.h"
#include "kernels/conv1d_silu_cuda.h"
#include "kernels/cuda_plugin.h"
#include "kernels/packed_rows.h"

namespace seqsweep {

Conv1dSiluCuda conv1d_silu_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kConv1dSilu = "conv1d_silu";

// About two thousand blocks of 128 channels, whose windows overlap little.
int tokens_a_block(const Conv1dSiluInputs& in) {
  if (in.weight_CK.size(1) > kConvNarrow) return kConvTokensWhereWide;
  const int64_t tokens = in.x_TC.size(0) * ((in.x_TC.size(1) + 127) / 128) / 2048;
  return static_cast<int>(std::clamp<int64_t>(tokens / 8 * 8 + 8, 16, 128));
}

Conv1dSiluParams cuda_params(const Conv1dSiluInputs& in) {
  return {.x_TC = in.x_TC.data_ptr(),
          .x_stride = in.x_TC.stride(0),
          .weight_CK = in.weight_CK.data_ptr<float>(),
          .bias_C = in.bias_C.data_ptr<float>(),
          .offsets = in.offsets_S1.data_ptr<int32_t>(),
          .tokens = in.x_TC.size(0),
          .sequences = in.offsets_S1.numel() - 1,
          .channels = static_cast<int>(in.weight_CK.size(0)),
          .width = static_cast<int>(in.weight_CK.size(1)),
          .before = static_cast<int>(in.before),
          .tokens_a_block = tokens_a_block(in),
          .bf16 = is_bf16(in.x_TC)};
}

Tensor conv1d_silu_forward_cuda(const Conv1dSiluInputs& in, const Tensor* tail_SKC) {
  const c10::DeviceGuard on(in.x_TC.device());
  const Tensor y = at::empty(in.x_TC.sizes(), in.x_TC.options());
  Conv1dSiluParams params = cuda_params(in);
  params.y_TC = y.data_ptr();
  if (tail_SKC != nullptr) params.tail_SKC = tail_SKC->data_ptr();
  launch_cuda(kConv1dSilu, conv1d_silu_cuda.forward, params);
  return y;
}

Conv1dSiluGradients conv1d_silu_backward_cuda(const Conv1dSiluInputs& in, const Tensor& d_y_TC) {
  const c10::DeviceGuard on(in.x_TC.device());
  Conv1dSiluParams params = cuda_params(in);
  const int64_t parts = (params.tokens + params.tokens_a_block - 1) / params.tokens_a_block;
  const int64_t channels = params.channels, weights = channels * params.width;
  const auto floats = in.weight_CK.options();
  const Tensor d_x = at::empty(in.x_TC.sizes(), in.x_TC.options());
  const bool wide = params.width > kConvNarrow;
  const Tensor d_sum = wide ? at::empty(d_x.sizes(), floats) : at::empty({0}, floats);
  const Tensor d_parts = at::empty({parts, weights + channels}, floats);
  params.d_y_TC = d_y_TC.data_ptr();
  params.d_y_stride = d_y_TC.stride(0);
  params.d_x_TC = d_x.data_ptr();
  params.d_sum_TC = d_sum.data_ptr<float>();
  params.d_parts = d_parts.data_ptr<float>();
  launch_cuda(kConv1dSilu, conv1d_silu_cuda.backward, params);
  const Tensor d = d_parts.sum(0);
  return {d_x, d.narrow(0, 0, weights).view({channels, params.width}),
          d.narrow(0, weights, channels)};
}

Tensor forward(const Conv1dSiluInputs& in, const Tensor* tail_SKC) {
  return (in.x_TC.is_cuda() ? conv1d_silu_forward_cuda : conv1d_silu_forward_cpu)(in, tail_SKC);
}

class Conv1dSilu : public torch::autograd::Function<Conv1dSilu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const Tensor& offsets, int64_t before) {
    context->save_for_backward({x, weight, bias, offsets});
    context->saved_data["before"] = before;
    return seqsweep::forward({x, weight, bias, offsets, before}, /*tail=*/nullptr);
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const Conv1dSiluInputs in{saved[0], saved[1], saved[2], saved[3],
                              context->saved_data["before"].toInt()};
    const auto run = in.x_TC.is_cuda() ? conv1d_silu_backward_cuda : conv1d_silu_backward_cpu;
    const auto d = run(in, with_contiguous_rows(d_outs[0]));
    return {d.x, d.weight, d.bias, Tensor(), Tensor()};
  }
};

Conv1dSiluInputs checked(const Tensor& x, const Tensor& weight, const Tensor& bias,
                         const Tensor& offsets, ConvSpan span) {
  require_shape(kConv1dSilu, "x", x, {-1, -1});
  require_shape(kConv1dSilu, "weight", weight, {x.size(1), -1});
  require_shape(kConv1dSilu, "bias", bias, {x.size(1)});
  require_activation(kConv1dSilu, x);
  require_parameter(kConv1dSilu, x, weight);
  require_parameter(kConv1dSilu, x, bias);
  require_shape(kConv1dSilu, "offsets", offsets, {-1});
  require_offsets(kConv1dSilu, offsets, x);
  const int64_t width = weight.size(1);
  if (width < 1 || (span == ConvSpan::Centred && width % 2 == 0)) {
    throw_run("{}: weight must be 1 wide at least, and of odd width where centred; it is {} wide",
              kConv1dSilu, width);
  }
  return {with_contiguous_rows(x), weight.contiguous(), bias.contiguous(), offsets.contiguous(),
          span == ConvSpan::Causal ? width - 1 : width / 2};
}

}  // namespace

Tensor conv1d_silu(const Tensor& x_TC, const Tensor& weight_CK, const Tensor& bias_C,
                   const Tensor& offsets_S1, ConvSpan span) {
  const Conv1dSiluInputs in = checked(x_TC, weight_CK, bias_C, offsets_S1, span);
  const bool needs_gradient =
      at::GradMode::is_enabled() &&
      (x_TC.requires_grad() || weight_CK.requires_grad() || bias_C.requires_grad());
  if (!needs_gradient) return forward(in, /*tail=*/nullptr);
  return Conv1dSilu::apply(in.x_TC, in.weight_CK, in.bias_C, in.offsets_S1, in.before);
}

Tensor conv1d_silu_from(const Tensor& x_TC, const Tensor& weight_CK, const Tensor& bias_C,
                        const Tensor& offsets_S1, Tensor& tail_SKC) {
  const Conv1dSiluInputs in = checked(x_TC, weight_CK, bias_C, offsets_S1, ConvSpan::Causal);
  require_shape(kConv1dSilu, "tail", tail_SKC,
                {offsets_S1.numel() - 1, weight_CK.size(1) - 1, x_TC.size(1)});
  require_same_device_and_dtype(kConv1dSilu, x_TC, tail_SKC);
  const at::NoGradGuard no_grad;
  const Tensor tail = tail_SKC.contiguous();
  const Tensor y = forward(in, &tail);
  if (!tail.is_same(tail_SKC)) tail_SKC.copy_(tail);
  return y;
}

Tensor conv1d_silu_reference(const Tensor& x_TC, const Tensor& weight_CK, const Tensor& bias_C,
                             const Tensor& offsets_S1, ConvSpan span) {
  const int64_t before = checked(x_TC, weight_CK, bias_C, offsets_S1, span).before;
  const int64_t width = weight_CK.size(1);
  const Tensor offsets = offsets_S1.cpu();
  std::vector<Tensor> ys;
  for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
    const int64_t begin = offsets[s].item<int>(), length = offsets[s + 1].item<int>() - begin;
    if (length == 0) continue;
    const Tensor padded =
        at::constant_pad_nd(x_TC.narrow(0, begin, length), {0, 0, before, width - 1 - before});
    const Tensor windows_LCK = padded.unfold(0, width, 1);
    ys.push_back(at::silu((windows_LCK * weight_CK).sum(-1) + bias_C));
  }
  return ys.empty() ? at::zeros_like(x_TC) : at::cat(ys);
}

}  // namespace seqsweep
