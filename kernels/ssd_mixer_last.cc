#include "kernels/ssd_mixer_last.h"

#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/held_numbers.h"
#include "kernels/packed_rows.h"
#include "kernels/ssd_last.h"
#include "kernels/ssd_last_cuda.h"
#include "kernels/ssd_mixer_last_cpu.h"
#include "kernels/ssd_mixer_last_cuda.h"

namespace seqsweep {

SsdMixerLastCuda ssd_mixer_last_cuda;

namespace {

using at::Tensor;

constexpr const char* kSsdMixerLast = "ssd_mixer_last";

// Sizes that follow from the weights'.
struct Sizes {
  int64_t width, heads, inner, shared, channels, read;  // read: channels of the forward direction.

  explicit Sizes(const SsdMixerWeights& w)
      : width(w.out_proj_DE.size(0)),
        heads(w.D_H.numel()),
        inner(heads * w.head_width),
        shared(w.groups * w.state),
        channels(w.conv_bias_C.numel()),
        read(inner + 2 * shared) {}
};

void check(const Tensor& x_TD, const Tensor& offsets_S1, const SsdMixerWeights& w) {
  require_shape(kSsdMixerLast, "out_proj", w.out_proj_DE, {-1, -1});
  require_shape(kSsdMixerLast, "D", w.D_H, {-1});
  require_shape(kSsdMixerLast, "conv_bias", w.conv_bias_C, {-1});
  const Sizes n(w);
  const int64_t directions = n.shared > 0 ? (n.channels - n.inner) / (2 * n.shared) : 0;
  if (w.groups < 1 || n.heads % w.groups != 0 || directions < 1 ||
      n.channels != n.inner + directions * 2 * n.shared || w.norm_groups < 1 ||
      n.inner % w.norm_groups != 0) {
    throw_run("{}: {} channels are not {} heads of {} and B and C of {} groups of {}",
              kSsdMixerLast, n.channels, n.heads, w.head_width, w.groups, w.state);
  }
  require_shape(kSsdMixerLast, "x", x_TD, {-1, n.width});
  require_shape(kSsdMixerLast, "offsets", offsets_S1, {-1});
  require_offsets(kSsdMixerLast, offsets_S1, x_TD);
  require_floating(kSsdMixerLast, x_TD);
  const auto require = [&](const char* name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(kSsdMixerLast, name, tensor, sizes);
    require_same_device_and_dtype(kSsdMixerLast, x_TD, tensor);
  };
  require("in_proj", w.in_proj, {n.inner + n.channels + directions * n.heads, n.width});
  require("conv_weight", w.conv_weight_CK, {n.channels, -1});
  require("conv_bias", w.conv_bias_C, {n.channels});
  require("dt_bias", w.dt_bias_H, {n.heads});
  require("A_log", w.A_log_H, {n.heads});
  require("D", w.D_H, {n.heads});
  if (w.fc_D_HE.defined()) require("fc_D", w.fc_D_HE, {n.heads, n.inner});
  require("norm_weight", w.norm_weight_E, {n.inner});
  require("out_proj", w.out_proj_DE, {n.width, n.inner});
  const int64_t conv_width = w.conv_weight_CK.size(1);
  if (conv_width < 1 || (w.span == ConvSpan::Centred && conv_width % 2 == 0)) {
    throw_run("{}: the convolution must be 1 wide at least, and odd where centred; it is {}",
              kSsdMixerLast, conv_width);
  }
}

SsdMixerNumbers numbers_of(const SsdMixerWeights& w, HeldNumbers& held) {
  const Sizes n(w);
  const int64_t conv_width = w.conv_weight_CK.size(1);
  const float* const in_proj = held.of(w.in_proj);
  return {.z_weight = in_proj,
          .mixed_weight = in_proj + n.inner * n.width,
          .dt_weight = in_proj + (n.inner + n.channels) * n.width,
          .conv_weight = held.of(w.conv_weight_CK),
          .conv_bias = held.of(w.conv_bias_C),
          .dt_bias = held.of(w.dt_bias_H),
          .A_log = held.of(w.A_log_H),
          .D = held.of(w.D_H),
          .fc_D = held.of(w.fc_D_HE),
          .norm_weight = held.of(w.norm_weight_E),
          .out_proj = held.of(w.out_proj_DE),
          .width = n.width,
          .heads = n.heads,
          .head_width = w.head_width,
          .groups = w.groups,
          .state = w.state,
          .conv_width = conv_width,
          .before = w.span == ConvSpan::Causal ? conv_width - 1 : conv_width / 2,
          .delay = w.delay,
          .norm_groups = w.norm_groups,
          .order = w.order,
          .norm_eps = static_cast<float>(w.norm_eps)};
}

Tensor in_one_pass(const Tensor& x_TD, const Tensor& offsets_S1, const SsdMixerWeights& w) {
  check(x_TD, offsets_S1, w);
  HeldNumbers held;
  const SsdMixerNumbers numbers = numbers_of(w, held);
  const float* const x = held.of(x_TD);
  const int32_t* const offsets = held.of<int32_t>(offsets_S1);
  const int64_t width = numbers.width;
  const Tensor y_SD = at::empty({offsets_S1.numel() - 1, width}, x_TD.options());
  for_runs_of_sequences(offsets_S1.contiguous(), [&](int64_t first, int64_t last, int64_t longest) {
    SsdMixerLastTask task(numbers, panel_ops(), longest);
    for (int64_t s = first; s < last; ++s) {
      SEQ_CHECK(offsets[s] < offsets[s + 1]);
      task.run(x + offsets[s] * width, offsets[s + 1] - offsets[s],
               y_SD.data_ptr<float>() + s * width);
    }
  });
  return y_SD;
}

// On a GPU, for few tokens: four launches, as launches are what the time goes to there. All tokens
// are projected to all that the mixer needs, read or not.
Tensor in_few_launches(const Tensor& x_TD, const Tensor& offsets_S1, const SsdMixerWeights& w) {
  check(x_TD, offsets_S1, w);
  const c10::DeviceGuard on(x_TD.device());
  const Sizes n(w);
  HeldNumbers held;
  const Tensor projected = torch::linear(x_TD, w.in_proj);
  const Tensor dt_TH = projected.narrow(1, n.inner + n.channels, n.heads);
  const Tensor convolved_TC =
      conv1d_silu(projected.narrow(1, n.inner, n.read), w.conv_weight_CK.narrow(0, 0, n.read),
                  w.conv_bias_C.narrow(0, 0, n.read), offsets_S1, w.span);
  const float* const convolved = convolved_TC.data_ptr<float>();
  const int64_t sequences = offsets_S1.numel() - 1, stride = convolved_TC.stride(0);
  const auto rows = [&](int64_t first, int64_t of_each) -> SsdLastRows {
    return {convolved + first, stride, of_each};
  };
  const Tensor read_SE = at::empty({sequences, n.inner}, x_TD.options());
  const SsdLastParams read{.x = rows(0, w.head_width),
                           .dt = {dt_TH.data_ptr<float>(), dt_TH.stride(0), 1},
                           .B = rows(n.inner, w.state),
                           .A_H = held.of(w.A_log_H),
                           .dt_bias_H = held.of(w.dt_bias_H),
                           .offsets = held.of<int32_t>(offsets_S1),
                           .sequences = sequences,
                           .heads = static_cast<int>(n.heads),
                           .groups = static_cast<int>(w.groups),
                           .width = static_cast<int>(w.head_width),
                           .state = static_cast<int>(w.state),
                           .unread = static_cast<int>(w.delay),
                           .C = rows(n.inner + n.shared, w.state),
                           .A_is_log = true,
                           .y_SHP = read_SE.data_ptr<float>()};
  launch_cuda(kSsdMixerLast, ssd_last_cuda.forward, read);
  const Tensor y_SD = at::empty({sequences, n.width}, x_TD.options());
  const SsdMixerEndParams end{.read_SE = read.y_SHP,
                              .x_TE = convolved,
                              .z_TE = projected.data_ptr<float>(),
                              .x_stride = stride,
                              .z_stride = projected.stride(0),
                              .offsets = read.offsets,
                              .D_H = held.of(w.D_H),
                              .fc_D_HE = held.of(w.fc_D_HE),
                              .norm_weight_E = held.of(w.norm_weight_E),
                              .out_proj_DE = held.of(w.out_proj_DE),
                              .y_SD = y_SD.data_ptr<float>(),
                              .sequences = sequences,
                              .width = static_cast<int>(n.width),
                              .heads = static_cast<int>(n.heads),
                              .head_width = static_cast<int>(w.head_width),
                              .norm_groups = static_cast<int>(w.norm_groups),
                              .norm_eps = static_cast<float>(w.norm_eps),
                              .gate_first = w.order == GateOrder::GateFirst};
  launch_cuda(kSsdMixerLast, ssd_mixer_last_cuda.end, end);
  return y_SD;
}

}  // namespace

Tensor ssd_mixer_last(const Tensor& x_TD, const Tensor& offsets_S1, const SsdMixerWeights& w) {
  constexpr int64_t kFewTokens = 2048, kInnerMost = 8192;  // Which fits any GPU's shared memory.
  if (infers_on_cpu(x_TD)) return in_one_pass(x_TD, offsets_S1, w);
  if (infers_on_gpu(x_TD) && x_TD.size(0) <= kFewTokens && w.norm_weight_E.numel() <= kInnerMost) {
    return in_few_launches(x_TD, offsets_S1, w);
  }
  return ssd_mixer_last_by_parts(x_TD, offsets_S1, w);
}

Tensor ssd_mixer_last_by_parts(const Tensor& x_TD, const Tensor& offsets_S1,
                               const SsdMixerWeights& w) {
  check(x_TD, offsets_S1, w);
  const Sizes n(w);
  const auto project = [&](const Tensor& x, int64_t begin, int64_t count) {
    return torch::linear(x, w.in_proj.narrow(0, begin, count));
  };
  const auto in_heads = [&](const Tensor& x) { return x.unflatten(1, {n.heads, w.head_width}); };
  const auto in_groups = [&](const Tensor& x) { return x.unflatten(1, {w.groups, w.state}); };
  const Tensor last_S = offsets_S1.narrow(0, 1, offsets_S1.numel() - 1).to(at::kLong) - 1;
  const Tensor convolved_TC =
      conv1d_silu(project(x_TD, n.inner, n.read), w.conv_weight_CK.narrow(0, 0, n.read),
                  w.conv_bias_C.narrow(0, 0, n.read), offsets_S1, w.span);
  const auto parts = convolved_TC.split_with_sizes({n.inner, n.shared, n.shared}, 1);
  // Where no token is left to read, any C reads 0.
  const Tensor C_SC = parts[2].index_select(0, (last_S - w.delay).clamp_min(0));
  const Tensor read_SHP = ssd_last({.x_THP = in_heads(parts[0]),
                                    .dt_TH = project(x_TD, n.inner + n.channels, n.heads),
                                    .A_H = -w.A_log_H.exp(),
                                    .B_TGN = in_groups(parts[1]),
                                    .C_SGN = in_groups(C_SC),
                                    .dt_bias_H = w.dt_bias_H,
                                    .offsets_S1 = offsets_S1,
                                    .unread = w.delay});
  const Tensor x_SE = parts[0].index_select(0, last_S);
  const Tensor own_SH = w.fc_D_HE.defined() ? torch::linear(x_SE, w.fc_D_HE) + w.D_H : w.D_H;
  const Tensor y_SHP = read_SHP + own_SH.unsqueeze(-1) * in_heads(x_SE);
  const Tensor z_SE = project(x_TD.index_select(0, last_S), 0, n.inner);
  return torch::linear(
      rms_norm_gate(y_SHP.flatten(1), z_SE, w.norm_weight_E, w.norm_groups, w.norm_eps, w.order),
      w.out_proj_DE);
}

}  // namespace seqsweep
