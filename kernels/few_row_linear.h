// The linear layer of a few rows, as a language model that writes has it: all its time is the
// reading of the weight. Legend: R rows of x, I inputs, O outputs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace seqsweep {

constexpr int64_t kFewRowsOfFloat = 8;

// x W^T + bias, as at::linear: x [R, I], weight [O, I], bias [O] or undefined. Where nothing wants
// a gradient and there are at most kFewRowsOfFloat rows of float on the CPU, the weight, which lies
// row by row or column by column, is read once; of one row at the speed of the memory, where MKL
// takes more than twice as long. Any number of threads gives the same bits. Everything else is
// at::linear's.
at::Tensor few_row_linear(const at::Tensor& x_RI, const at::Tensor& weight_OI,
                          const at::Tensor& bias_O);

}  // namespace seqsweep
