#include "kernels/norm_and_feed_forward.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/norm_and_feed_forward_cuda.h"
#include "kernels/norm_and_feed_forward_numbers.h"
#include "kernels/transpose.h"

namespace seqsweep {

NormAndFeedForwardCuda norm_and_feed_forward_cuda;

namespace {

using at::Tensor;

constexpr const char* kNormAndFeedForward = "norm_and_feed_forward";

// Every row reads all weights: more rows are quicker as matrix products.
constexpr int64_t kRowsOfOneLaunch = 512;
constexpr int64_t kNumbersOfARow = 24 << 10;  // That fit the shared memory of any GPU.

Tensor few_rows_on_gpu(const Tensor& x_RD, const Tensor& added_RD,
                       const NormAndFeedForward& layer) {
  const c10::DeviceGuard on(x_RD.device());
  HeldNumbers held;
  const Tensor out_RD = at::empty(x_RD.sizes(), x_RD.options());
  launch_cuda(kNormAndFeedForward, norm_and_feed_forward_cuda.forward,
              NormAndFeedForwardParams{.x_RD = held.of(x_RD),
                                       .added_RD = held.of(added_RD),
                                       .first_norm_weight = held.of(layer.first_norm_weight),
                                       .first_norm_bias = held.of(layer.first_norm_bias),
                                       .up_weight = held.of(layer.up_weight),
                                       .up_bias = held.of(layer.up_bias),
                                       .down_weight = held.of(layer.down_weight),
                                       .down_bias = held.of(layer.down_bias),
                                       .second_norm_weight = held.of(layer.second_norm_weight),
                                       .second_norm_bias = held.of(layer.second_norm_bias),
                                       .out_RD = out_RD.data_ptr<float>(),
                                       .rows = x_RD.size(0),
                                       .width = static_cast<int>(x_RD.size(1)),
                                       .inner = static_cast<int>(layer.up_bias.numel()),
                                       .eps = static_cast<float>(layer.eps)});
  return out_RD;
}

}  // namespace

void check_norm_and_feed_forward(const char* op, const Tensor& x_RD,
                                 const NormAndFeedForward& layer) {
  const int64_t width = x_RD.size(1), inner = layer.up_bias.numel();
  const auto require = [&](const char* name, const Tensor& tensor, at::IntArrayRef sizes) {
    require_shape(op, name, tensor, sizes);
    require_same_device_and_dtype(op, x_RD, tensor);
  };
  require("first_norm_weight", layer.first_norm_weight, {width});
  require("first_norm_bias", layer.first_norm_bias, {width});
  require("up_weight", layer.up_weight, {inner, width});
  require("up_bias", layer.up_bias, {inner});
  require("down_weight", layer.down_weight, {width, inner});
  require("down_bias", layer.down_bias, {width});
  require("second_norm_weight", layer.second_norm_weight, {width});
  require("second_norm_bias", layer.second_norm_bias, {width});
}

Tensor norm_and_feed_forward(const Tensor& x_RD, const Tensor& added_RD,
                             const NormAndFeedForward& layer) {
  require_float(kNormAndFeedForward, x_RD);
  require_shape(kNormAndFeedForward, "x", x_RD, {-1, -1});
  check_norm_and_feed_forward(kNormAndFeedForward, x_RD, layer);
  if (added_RD.defined()) {
    require_shape(kNormAndFeedForward, "added", added_RD, x_RD.sizes());
    require_same_device_and_dtype(kNormAndFeedForward, x_RD, added_RD);
  }
  if (x_RD.is_cuda()) {
    const bool small =
        x_RD.size(0) <= kRowsOfOneLaunch && x_RD.size(1) + layer.up_bias.numel() <= kNumbersOfARow;
    return small ? few_rows_on_gpu(x_RD, added_RD, layer)
                 : norm_and_feed_forward_reference(x_RD, added_RD, layer);
  }
  HeldNumbers held;
  const NormAndFeedForwardNumbers numbers = numbers_of(layer, held);
  const float *const x = held.of(x_RD), *const added = held.of(added_RD);
  const int64_t width = x_RD.size(1), rows = x_RD.size(0);
  const Tensor out = at::empty(x_RD.sizes(), x_RD.options());
  at::parallel_for(0, rows, 2 * kFeedForwardColumns, [&](int64_t begin, int64_t end) {
    const int64_t at_once = std::min(kFeedForwardColumns, end - begin);
    NormAndFeedForwardTask task(numbers, panel_ops(), at_once);
    Panel x_DC(width, at_once), added_DC(width, at_once);
    const auto turn = [&](const float* from, int64_t first, int64_t count, Panel& to) {
      transpose<float>(count, width, {from + first * width, width}, to.rows());
      to.clear(width, count, panel_columns(count));
    };
    for (int64_t first = begin; first < end; first += at_once) {
      const int64_t count = std::min(at_once, end - first);
      turn(x, first, count, x_DC);
      if (added != nullptr) turn(added, first, count, added_DC);
      task.run(count, added != nullptr ? added_DC.right() : Rows<const float>{}, x_DC.rows());
      transpose<float>(width, count, x_DC.right(), {out.data_ptr<float>() + first * width, width});
    }
  });
  return out;
}

Tensor norm_and_feed_forward_reference(const Tensor& x_RD, const Tensor& added_RD,
                                       const NormAndFeedForward& layer) {
  check_norm_and_feed_forward("norm_and_feed_forward_reference", x_RD, layer);
  const auto norm = [&](const Tensor& x, const Tensor& weight, const Tensor& bias) {
    return at::layer_norm(x, weight.sizes(), weight, bias, layer.eps);
  };
  const Tensor y_RD = norm(added_RD.defined() ? x_RD + added_RD : x_RD, layer.first_norm_weight,
                           layer.first_norm_bias);
  const Tensor hidden_RF = at::gelu(at::linear(y_RD, layer.up_weight, layer.up_bias));
  return norm(y_RD + at::linear(hidden_RF, layer.down_weight, layer.down_bias),
              layer.second_norm_weight, layer.second_norm_bias);
}

}  // namespace seqsweep
