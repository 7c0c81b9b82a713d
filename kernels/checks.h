// What every operator asks of its tensors. The errors name the operator, the tensor, what is valid
// and what came.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace seqsweep {

// -1 in `sizes`: any. Throws Error (Fault::Run).
void require_shape(std::string_view op, std::string_view name, const at::Tensor& tensor,
                   at::IntArrayRef sizes);
void require_same_device_and_dtype(std::string_view op, const at::Tensor& a, const at::Tensor& b);
// float or double on the CPU, float on CUDA.
void require_floating(std::string_view op, const at::Tensor& tensor);

}  // namespace seqsweep
