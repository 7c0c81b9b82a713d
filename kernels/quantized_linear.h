// Fixed weights in few bits, and the linear layer of them, which reads them as they are: bfloat16,
// 8-bit integers with a scale a row, or NF4 (Dettmers et al. 2023) with double-quantised scales,
// bit for bit as bitsandbytes has it. Legend: R rows of x, I inputs, O outputs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

enum class WeightFormat { Int8, Nf4, Bf16 };

// Of a weight [O, I]. Nf4: the numbers, row by row, are cut into blocks of 64, each scaled by its
// largest magnitude; the scales less their mean are cut into blocks of 256 and kept in 8 bits.
struct QuantizedWeight {
  WeightFormat format = WeightFormat::Int8;
  int64_t outputs = 0, inputs = 0;
  // Int8: [O, I] int8. Nf4: [O I / 2] uint8, the first of two numbers high. Bf16: [O, I] bfloat16.
  at::Tensor codes;
  at::Tensor scales;        // Int8: [O] float. Nf4: [blocks] uint8.
  at::Tensor scale_blocks;  // Nf4: [blocks / 256, rounded up, + 1] float: scales of the scales,
                            // then their mean.
};

// weight [O, I], float; on the CPU, for Bf16 anywhere. Nf4 needs an even number of weights.
QuantizedWeight quantize(const at::Tensor& weight_OI, WeightFormat format);
// [O, I], float.
at::Tensor dequantize(const QuantizedWeight& weight);

// x W^T + bias, x [R, I] float, bias [O] or undefined; the result is float. The gradient reaches x
// and bias; the weight is fixed. On the CPU products are float, no more than 16 MB of the weight
// exist in float at a time; with few rows, none. On CUDA, as in QLoRA, x, the gradient and the
// weight, read as a whole, are rounded to bfloat16, multiplied on tensor cores and summed in float;
// with few rows, weights of fewer bits are read as they are and products are float.
at::Tensor quantized_linear(const at::Tensor& x_RI, const QuantizedWeight& weight,
                            const at::Tensor& bias_O);

}  // namespace seqsweep
