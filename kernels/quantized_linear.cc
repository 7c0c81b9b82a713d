#include "kernels/quantized_linear.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/dynamic_map.h"
#include "kernels/quantized_linear_cpu.h"
#include "kernels/quantized_linear_cuda.h"

namespace seqsweep {

QuantizedLinearCuda quantized_linear_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kQuantizedLinear = "quantized_linear";
constexpr int64_t kFewRows = 16;                     // Up to so many, weights are read as they are.
constexpr int64_t kPanelNumbers = int64_t{4} << 20;  // Of the weight in float at a time: 16 MB.

// The number of the code that lies nearest; of two as near, the lower.
template <typename Numbers>
uint8_t nearest(const Numbers& numbers, float x) {
  const auto above = std::ranges::lower_bound(numbers, x);
  if (above == numbers.begin()) return 0;
  if (above == numbers.end()) return static_cast<uint8_t>(numbers.size() - 1);
  const auto below = above - 1;
  const float middle = (*below + *above) / 2;
  return static_cast<uint8_t>((x > middle ? above : below) - numbers.begin());
}

float largest_magnitude(const float* x, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

QuantizedWeight to_int8(const Tensor& weight_OI) {
  const int64_t outputs = weight_OI.size(0), inputs = weight_OI.size(1);
  const Tensor codes = at::empty({outputs, inputs}, at::kChar), scales = at::empty({outputs});
  for (int64_t o = 0; o < outputs; ++o) {
    const float* row = weight_OI.const_data_ptr<float>() + o * inputs;
    const float scale = largest_magnitude(row, inputs) / 127;
    scales.data_ptr<float>()[o] = scale;
    int8_t* code = codes.data_ptr<int8_t>() + o * inputs;
    for (int64_t i = 0; i < inputs; ++i) {
      code[i] = static_cast<int8_t>(scale > 0 ? std::lround(row[i] / scale) : 0);
    }
  }
  return {WeightFormat::Int8, outputs, inputs, codes, scales, {}};
}

// The scales of the blocks in 8 bits, with what reads them.
std::pair<Tensor, Tensor> quantize_scales(const Tensor& scales) {
  const int64_t count = scales.numel(), blocks = (count + kNf4ScaleBlock - 1) / kNf4ScaleBlock;
  const Tensor codes = at::empty({count}, at::kByte), scale_blocks = at::empty({blocks + 1});
  const auto map = dynamic_map(/*is_signed=*/true);
  const Tensor mean = scales.mean();
  const Tensor centred = scales - mean;
  auto* of_block = scale_blocks.data_ptr<float>();
  of_block[blocks] = mean.item<float>();
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = b * kNf4ScaleBlock, size = std::min(kNf4ScaleBlock, count - begin);
    const float* in = centred.const_data_ptr<float>() + begin;
    of_block[b] = largest_magnitude(in, size);
    for (int64_t i = 0; i < size; ++i) {
      codes.data_ptr<uint8_t>()[begin + i] =
          nearest(map, of_block[b] > 0 ? in[i] / of_block[b] : 0);
    }
  }
  return {codes, scale_blocks};
}

QuantizedWeight to_nf4(const Tensor& weight_OI) {
  const int64_t outputs = weight_OI.size(0), inputs = weight_OI.size(1), count = outputs * inputs;
  if (count % 2 != 0) {
    throw_run("{}: NF4 keeps two numbers a byte; a weight of {} x {} is odd", kQuantizedLinear,
              outputs, inputs);
  }
  const int64_t blocks = (count + kNf4Block - 1) / kNf4Block;
  const Tensor codes = at::zeros({count / 2}, at::kByte), scales = at::empty({blocks});
  const auto* numbers = weight_OI.const_data_ptr<float>();
  auto* bytes = codes.data_ptr<uint8_t>();
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = b * kNf4Block, end = std::min(begin + kNf4Block, count);
    const float scale = largest_magnitude(numbers + begin, end - begin);
    scales.data_ptr<float>()[b] = scale;
    for (int64_t i = begin; i < end; ++i) {
      const uint8_t code = nearest(kNf4Numbers, scale > 0 ? numbers[i] / scale : 0);
      bytes[i / 2] |= static_cast<uint8_t>(i % 2 == 0 ? code << 4 : code);
    }
  }
  const auto [scale_codes, scale_blocks] = quantize_scales(scales);
  return {WeightFormat::Nf4, outputs, inputs, codes, scale_codes, scale_blocks};
}

// visit(rows): what the loops over the weight take.
template <typename Visit>
void with_rows(const QuantizedWeight& weight, const Visit& visit) {
  if (weight.format == WeightFormat::Int8) {
    visit(Int8Rows{weight.codes.const_data_ptr<int8_t>(), weight.scales.const_data_ptr<float>(),
                   weight.inputs});
  } else {
    static const auto map = dynamic_map(/*is_signed=*/true);
    const auto* of_block = weight.scale_blocks.const_data_ptr<float>();
    visit(Nf4Rows{.codes = weight.codes.const_data_ptr<uint8_t>(),
                  .scale_codes = weight.scales.const_data_ptr<uint8_t>(),
                  .scale_blocks = of_block,
                  .scale_map = map.data(),
                  .scale_mean = of_block[weight.scale_blocks.numel() - 1],
                  .inputs = weight.inputs});
  }
}

// [outputs of the panel, I]
Tensor read_panel(const auto& rows, int64_t first, int64_t count) {
  const Tensor panel = at::empty({count, rows.inputs});
  auto* into = panel.data_ptr<float>();
  at::parallel_for(0, count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) read_row(rows, first + i, into + i * rows.inputs);
  });
  return panel;
}

// What both formats' codes stand for, on a GPU.
Tensor on_device(const auto& numbers, const Tensor& like) {
  return torch::tensor(at::ArrayRef<float>(numbers.data(), numbers.size())).to(like.device());
}

Tensor read_panel_cuda(const QuantizedWeight& weight, int64_t first, int64_t count) {
  const c10::DeviceGuard on(weight.codes.device());
  const Tensor panel = at::empty({count, weight.inputs}, weight.codes.options().dtype(at::kFloat));
  ReadWeightParams params{
      .inputs = weight.inputs, .first = first, .count = count, .out_CI = panel.data_ptr<float>()};
  if (weight.format == WeightFormat::Int8) {
    params.int8_codes = weight.codes.const_data_ptr<int8_t>();
    params.int8_scales = weight.scales.const_data_ptr<float>();
    launch_cuda(kQuantizedLinear, quantized_linear_cuda.read_rows, params);
    return panel;
  }
  const Tensor map = on_device(dynamic_map(/*is_signed=*/true), panel);
  const Tensor numbers = on_device(kNf4Numbers, panel);
  params.nf4_codes = weight.codes.const_data_ptr<uint8_t>();
  params.nf4_scales = weight.scales.const_data_ptr<uint8_t>();
  params.scale_blocks = weight.scale_blocks.const_data_ptr<float>();
  params.last_scale_block = weight.scale_blocks.numel() - 1;
  params.scale_map = map.const_data_ptr<float>();
  params.nf4_numbers = numbers.const_data_ptr<float>();
  launch_cuda(kQuantizedLinear, quantized_linear_cuda.read_rows, params);
  return panel;
}

// visit(panel [count, I], its first output)
void for_each_panel(const QuantizedWeight& weight,
                    const std::function<void(const Tensor&, int64_t)>& visit) {
  const int64_t outputs = std::max<int64_t>(kPanelNumbers / weight.inputs, 1);
  if (weight.codes.is_cuda()) {
    for (int64_t first = 0; first < weight.outputs; first += outputs) {
      const int64_t count = std::min(outputs, weight.outputs - first);
      visit(read_panel_cuda(weight, first, count), first);
    }
    return;
  }
  with_rows(weight, [&](const auto& rows) {
    for (int64_t first = 0; first < weight.outputs; first += outputs) {
      visit(read_panel(rows, first, std::min(outputs, weight.outputs - first)), first);
    }
  });
}

Tensor multiply_few(const Tensor& x_RI, const QuantizedWeight& weight) {
  const int64_t count = x_RI.size(0);
  const Tensor y_OR = at::empty({weight.outputs, count});
  const auto* x = x_RI.const_data_ptr<float>();
  auto* y = y_OR.data_ptr<float>();
  with_rows(weight, [&](const auto& rows) {
    at::parallel_for(0, weight.outputs, 64, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        for (int64_t r = 0; r < count; r += kRowsAtOnce) {
          row_products(rows, o, x + r * weight.inputs, std::min(kRowsAtOnce, count - r),
                       y + o * count + r);
        }
      }
    });
  });
  return y_OR.t();
}

Tensor multiply(const Tensor& x_RI, const QuantizedWeight& weight) {
  if (x_RI.size(0) <= kFewRows && x_RI.is_cpu()) return multiply_few(x_RI, weight);
  const Tensor y_RO = at::empty({x_RI.size(0), weight.outputs}, x_RI.options());
  for_each_panel(weight, [&](const Tensor& panel, int64_t first) {
    y_RO.narrow(1, first, panel.size(0)).copy_(at::mm(x_RI, panel.t()));
  });
  return y_RO;
}

class QuantizedProduct : public torch::autograd::Function<QuantizedProduct> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x_RI, int64_t format,
                        const Tensor& codes, const Tensor& scales, const Tensor& scale_blocks,
                        int64_t outputs) {
    context->save_for_backward({codes, scales, scale_blocks});
    context->saved_data["format"] = format;
    context->saved_data["outputs"] = outputs;
    context->saved_data["inputs"] = x_RI.size(1);
    return multiply(x_RI, {static_cast<WeightFormat>(format), outputs, x_RI.size(1), codes, scales,
                           scale_blocks});
  }

  static variable_list backward(AutogradContext* context, variable_list d_outs) {
    const auto saved = context->get_saved_variables();
    const QuantizedWeight weight{static_cast<WeightFormat>(context->saved_data["format"].toInt()),
                                 context->saved_data["outputs"].toInt(),
                                 context->saved_data["inputs"].toInt(),
                                 saved[0],
                                 saved[1],
                                 saved[2]};
    const Tensor d_x = at::zeros({d_outs[0].size(0), weight.inputs}, d_outs[0].options());
    for_each_panel(weight, [&](const Tensor& panel, int64_t first) {
      d_x.addmm_(d_outs[0].narrow(1, first, panel.size(0)), panel);
    });
    return {d_x, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

QuantizedWeight quantize(const Tensor& weight_OI, WeightFormat format) {
  require_float_on_cpu(kQuantizedLinear, weight_OI);
  require_shape(kQuantizedLinear, "weight", weight_OI, {-1, -1});
  const torch::NoGradGuard no_grad;
  const Tensor weight = weight_OI.detach().contiguous();
  return format == WeightFormat::Int8 ? to_int8(weight) : to_nf4(weight);
}

Tensor dequantize(const QuantizedWeight& weight) {
  const Tensor all =
      at::empty({weight.outputs, weight.inputs}, weight.codes.options().dtype(at::kFloat));
  for_each_panel(weight, [&](const Tensor& panel, int64_t first) {
    all.narrow(0, first, panel.size(0)).copy_(panel);
  });
  return all;
}

Tensor quantized_linear(const Tensor& x_RI, const QuantizedWeight& weight, const Tensor& bias_O) {
  require_floating(kQuantizedLinear, x_RI);
  require_shape(kQuantizedLinear, "x", x_RI, {-1, weight.inputs});
  if (x_RI.scalar_type() != at::kFloat || x_RI.device() != weight.codes.device()) {
    throw_run("{}: x must be float on the weight's device; it is {} on {}", kQuantizedLinear,
              c10::toString(x_RI.scalar_type()), x_RI.device().str());
  }
  const bool nf4 = weight.format == WeightFormat::Nf4;
  const Tensor y_RO = QuantizedProduct::apply(
      x_RI.contiguous(), static_cast<int64_t>(weight.format), weight.codes, weight.scales,
      nf4 ? weight.scale_blocks : weight.scales, weight.outputs);
  return bias_O.defined() ? y_RO + bias_O : y_RO;
}

}  // namespace seqsweep
