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
constexpr int64_t kFewRowsCuda = 4;

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
  auto* scale_of = scales.data_ptr<float>();
  at::parallel_for(0, blocks, 256, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = b * kNf4Block, end = std::min(begin + kNf4Block, count);
      scale_of[b] = largest_magnitude(numbers + begin, end - begin);
      for (int64_t i = begin; i < end; ++i) {
        const uint8_t code = nearest(kNf4Numbers, scale_of[b] > 0 ? numbers[i] / scale_of[b] : 0);
        bytes[i / 2] |= static_cast<uint8_t>(i % 2 == 0 ? code << 4 : code);
      }
    }
  });
  const auto [scale_codes, scale_blocks] = quantize_scales(scales);
  return {WeightFormat::Nf4, outputs, inputs, codes, scale_codes, scale_blocks};
}

// visit(rows): what the loops over the weight take.
template <typename Visit>
void with_rows(const QuantizedWeight& weight, const Visit& visit) {
  if (weight.format == WeightFormat::Int8) {
    visit(Int8Rows{weight.codes.const_data_ptr<int8_t>(), weight.scales.const_data_ptr<float>(),
                   weight.inputs});
  } else if (weight.format == WeightFormat::Bf16) {
    visit(Bf16Rows{reinterpret_cast<const uint16_t*>(weight.codes.const_data_ptr<at::BFloat16>()),
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

// What the kernels need to read a weight that is not of Bf16.
ReadWeightParams reading(const QuantizedWeight& weight) {
  ReadWeightParams params{.inputs = weight.inputs, .outputs = weight.outputs};
  if (weight.format == WeightFormat::Int8) {
    params.int8_codes = weight.codes.const_data_ptr<int8_t>();
    params.int8_scales = weight.scales.const_data_ptr<float>();
    return params;
  }
  static const auto map = dynamic_map(/*is_signed=*/true);
  params.nf4_codes = weight.codes.const_data_ptr<uint8_t>();
  params.nf4_scales = weight.scales.const_data_ptr<uint8_t>();
  params.scale_blocks = weight.scale_blocks.const_data_ptr<float>();
  params.last_scale_block = weight.scale_blocks.numel() - 1;
  std::ranges::copy(map, params.scale_map);
  std::ranges::copy(kNf4Numbers, params.nf4_numbers);
  return params;
}

// [O, I], of float or bfloat16.
Tensor read_cuda(const QuantizedWeight& weight, at::ScalarType dtype) {
  if (weight.format == WeightFormat::Bf16) return weight.codes.to(dtype);
  const c10::DeviceGuard on(weight.codes.device());
  const Tensor all =
      at::empty({weight.outputs, weight.inputs}, weight.codes.options().dtype(dtype));
  ReadWeightParams params = reading(weight);
  if (dtype == at::kFloat) {
    params.out_OI = all.data_ptr<float>();
  } else {
    params.bf16_out_OI = all.data_ptr<at::BFloat16>();
  }
  launch_cuda(kQuantizedLinear, quantized_linear_cuda.read, params);
  return all;
}

// Products of bfloat16 summed in float, which the result is.
Tensor tensor_core_product(const Tensor& a, const Tensor& b) {
  return at::mm(a.to(at::kBFloat16), b, at::kFloat);
}

Tensor multiply_cuda(const Tensor& x_RI, const QuantizedWeight& weight) {
  constexpr uintptr_t kVector = 16;  // Bytes that the kernel reads at once.
  const bool as_they_are = x_RI.size(0) <= kFewRowsCuda && weight.inputs % kWeightsAtOnce == 0 &&
                           reinterpret_cast<uintptr_t>(x_RI.const_data_ptr()) % kVector == 0 &&
                           weight.format != WeightFormat::Bf16;
  if (!as_they_are) return tensor_core_product(x_RI, read_cuda(weight, at::kBFloat16).t());
  const c10::DeviceGuard on(x_RI.device());
  const Tensor y_RO = at::empty({x_RI.size(0), weight.outputs}, x_RI.options());
  ReadWeightParams params = reading(weight);
  params.x_RI = x_RI.const_data_ptr<float>();
  params.rows = x_RI.size(0);
  params.y_RO = y_RO.data_ptr<float>();
  launch_cuda(kQuantizedLinear, quantized_linear_cuda.multiply_few, params);
  return y_RO;
}

// visit(panel [count, I], its first output)
void for_each_panel(const QuantizedWeight& weight,
                    const std::function<void(const Tensor&, int64_t)>& visit) {
  const int64_t outputs = std::max<int64_t>(kPanelNumbers / weight.inputs, 1);
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
  if (x_RI.is_cuda()) return multiply_cuda(x_RI, weight);
  if (x_RI.size(0) <= kFewRows) return multiply_few(x_RI, weight);
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
    if (d_outs[0].is_cuda()) {
      const Tensor d_x = tensor_core_product(d_outs[0], read_cuda(weight, at::kBFloat16));
      return {d_x, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
    const Tensor d_x = at::zeros({d_outs[0].size(0), weight.inputs}, d_outs[0].options());
    for_each_panel(weight, [&](const Tensor& panel, int64_t first) {
      d_x.addmm_(d_outs[0].narrow(1, first, panel.size(0)), panel);
    });
    return {d_x, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

QuantizedWeight quantize(const Tensor& weight_OI, WeightFormat format) {
  require_shape(kQuantizedLinear, "weight", weight_OI, {-1, -1});
  const torch::NoGradGuard no_grad;
  if (format == WeightFormat::Bf16) {
    return {.format = format,
            .outputs = weight_OI.size(0),
            .inputs = weight_OI.size(1),
            .codes = weight_OI.detach().to(at::kBFloat16).contiguous()};
  }
  require_float_on_cpu(kQuantizedLinear, weight_OI);
  const Tensor weight = weight_OI.detach().contiguous();
  return format == WeightFormat::Int8 ? to_int8(weight) : to_nf4(weight);
}

Tensor dequantize(const QuantizedWeight& weight) {
  if (weight.codes.is_cuda()) return read_cuda(weight, at::kFloat);
  const Tensor all =
      at::empty({weight.outputs, weight.inputs}, weight.codes.options().dtype(at::kFloat));
  for_each_panel(weight, [&](const Tensor& panel, int64_t first) {
    all.narrow(0, first, panel.size(0)).copy_(panel);
  });
  return all;
}

Tensor quantized_linear(const Tensor& x_RI, const QuantizedWeight& weight, const Tensor& bias_O) {
  require_shape(kQuantizedLinear, "x", x_RI, {-1, weight.inputs});
  if (x_RI.scalar_type() != at::kFloat || x_RI.device() != weight.codes.device()) {
    throw_run("{}: x must be float on the weight's device; it is {} on {}", kQuantizedLinear,
              c10::toString(x_RI.scalar_type()), x_RI.device().str());
  }
  // Autograd does not take undefined tensors.
  const auto or_codes = [&](const Tensor& scales) {
    return scales.defined() ? scales : weight.codes;
  };
  const Tensor y_RO = QuantizedProduct::apply(
      x_RI.contiguous(), static_cast<int64_t>(weight.format), weight.codes, or_codes(weight.scales),
      or_codes(weight.scale_blocks), weight.outputs);
  return bias_O.defined() ? y_RO + bias_O : y_RO;
}

}  // namespace seqsweep
