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
// The same, or bfloat16 on CUDA: what flows between the layers of a model in training.
void require_activation(std::string_view op, const at::Tensor& tensor);
// On the device of the activation x and of its dtype; float where x is bfloat16.
void require_parameter(std::string_view op, const at::Tensor& x, const at::Tensor& parameter);
bool is_bf16(const at::Tensor& tensor);
// What kernels for inference take.
void require_float(std::string_view op, const at::Tensor& tensor);
void require_float_on_cpu(std::string_view op, const at::Tensor& tensor);

// Whether a kernel for inference may compute what follows from x: nobody asks for a gradient, and x
// is float on the CPU, or on a GPU.
bool infers_on_cpu(const at::Tensor& x);
bool infers_on_gpu(const at::Tensor& x);

}  // namespace seqsweep
