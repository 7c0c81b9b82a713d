#include "kernels/checks.h"

#include <torch/types.h>

#include "core/base/error.h"

namespace seqsweep {

namespace {

std::string sizes_text(at::IntArrayRef sizes) {
  std::string text;
  for (const int64_t size : sizes) {
    text += text.empty() ? "" : ", ";
    text += size < 0 ? "*" : fmt::format("{}", size);
  }
  return fmt::format("[{}]", text);
}

}  // namespace

void require_shape(std::string_view op, std::string_view name, const at::Tensor& tensor,
                   at::IntArrayRef sizes) {
  bool fits = tensor.defined() && tensor.dim() == static_cast<int64_t>(sizes.size());
  for (size_t i = 0; fits && i < sizes.size(); ++i) {
    fits = sizes[i] < 0 || sizes[i] == tensor.size(static_cast<int64_t>(i));
  }
  if (fits) return;
  throw_run("{}: {} must have shape {}; it has {}", op, name, sizes_text(sizes),
            tensor.defined() ? sizes_text(tensor.sizes()) : "no value");
}

void require_same_device_and_dtype(std::string_view op, const at::Tensor& a, const at::Tensor& b) {
  if (a.device() == b.device() && a.scalar_type() == b.scalar_type()) return;
  throw_run("{}: tensors must share device and dtype; they are {} {} and {} {}", op,
            a.device().str(), c10::toString(a.scalar_type()), b.device().str(),
            c10::toString(b.scalar_type()));
}

void require_floating(std::string_view op, const at::Tensor& tensor) {
  const bool is_float = tensor.scalar_type() == at::kFloat;
  if (is_float || (tensor.is_cpu() && tensor.scalar_type() == at::kDouble)) return;
  throw_run("{}: takes float (on the CPU also double); it got {} on {}", op,
            c10::toString(tensor.scalar_type()), tensor.device().str());
}

void require_activation(std::string_view op, const at::Tensor& tensor) {
  if (tensor.is_cuda() && is_bf16(tensor)) return;
  const bool is_float = tensor.scalar_type() == at::kFloat;
  if (is_float || (tensor.is_cpu() && tensor.scalar_type() == at::kDouble)) return;
  throw_run("{}: takes float, on the CPU also double, on CUDA also bfloat16; it got {} on {}", op,
            c10::toString(tensor.scalar_type()), tensor.device().str());
}

void require_parameter(std::string_view op, const at::Tensor& x, const at::Tensor& parameter) {
  if (!is_bf16(x)) return require_same_device_and_dtype(op, x, parameter);
  if (parameter.device() == x.device() && parameter.scalar_type() == at::kFloat) return;
  throw_run(
      "{}: beside BFloat16 on {} a parameter must be Float on the same device; one is {} on {}", op,
      x.device().str(), c10::toString(parameter.scalar_type()), parameter.device().str());
}

bool is_bf16(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBFloat16;
}

void require_float(std::string_view op, const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kFloat) return;
  throw_run("{}: takes float; it got {}", op, c10::toString(tensor.scalar_type()));
}

void require_float_on_cpu(std::string_view op, const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.scalar_type() == at::kFloat) return;
  throw_run("{}: takes float on the CPU; it got {} on {}", op, c10::toString(tensor.scalar_type()),
            tensor.device().str());
}

bool infers_on_cpu(const at::Tensor& x) {
  return !at::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat;
}

bool infers_on_gpu(const at::Tensor& x) {
  return !at::GradMode::is_enabled() && x.is_cuda() && x.scalar_type() == at::kFloat;
}

}  // namespace seqsweep
