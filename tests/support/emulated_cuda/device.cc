// The device "cuda" of LibTorch, played by the CPU: tensors whose memory the host may read,
// operators of ATen that compute on the CPU, and, in this plug-in, the kernels of kernels/*.cu. So
// the tests, the dispatch and autograd are those of a GPU. Memory of at::empty() on it holds NaN,
// and what is written behind its end shows when it is freed.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>
#include <torch/types.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/cuda_launch.h"

namespace seqsweep {

void* current_cuda_stream() {
  return nullptr;
}

namespace {

using at::Tensor;
using c10::IValue;

const c10::Device kDevice{c10::kCUDA, 0};
constexpr size_t kNobodysBytes = 256;
constexpr int kNaN = 0xFF;  // Of bytes, as float, double or bfloat16.

struct Guard : c10::impl::NoOpDeviceGuardImpl<c10::kCUDA> {
  c10::Device getDevice() const override { return kDevice; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, kDevice); }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

// What LibTorch asks about the machine.
struct Hooks : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return 1; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex current_device() const override { return 0; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  void deviceSynchronize(c10::DeviceIndex) const override {}
  // To be seeded; what is drawn on the device comes from the generator of the CPU.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>();
    return generator;
  }
};
using at::CUDAHooksRegistry, at::RegistererCUDAHooksRegistry;
C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", Hooks)

// Memory whose end is looked at when it is freed.
struct Memory {
  size_t bytes;
  char* data;
};

void free_memory(void* pointer) {
  auto* const memory = static_cast<Memory*>(pointer);
  for (size_t i = 0; i < kNobodysBytes; ++i) {
    if (memory->data[memory->bytes + i] == static_cast<char>(kNaN)) continue;
    std::fprintf(stderr, "emulated: something was written behind the %zu bytes of a tensor\n",
                 memory->bytes);
    std::abort();
  }
  std::free(memory->data);
  delete memory;
}

c10::DataPtr empty_memory(size_t bytes) {
  const size_t whole = (bytes + kNobodysBytes + 255) / 256 * 256;
  auto memory = std::make_unique<Memory>(Memory{bytes, nullptr});
  memory->data = static_cast<char*>(std::aligned_alloc(256, whole));
  std::memset(memory->data, kNaN, whole);
  char* const data = memory->data;
  return {data, memory.release(), free_memory, kDevice};
}

Tensor tensor_over(c10::Storage storage, c10::DispatchKey key, const Tensor& like) {
  Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage),
                                                           c10::DispatchKeySet(key), like.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(),
                                                      like.storage_offset());
  return tensor;
}

c10::Storage storage_of(size_t bytes, c10::DataPtr data) {
  return {c10::Storage::use_byte_size_t(), bytes, std::move(data), nullptr, /*resizable=*/false};
}

// One call of an operator: its tensors as tensors of the CPU over the same memory, and back.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack& stack) : op_(op), stack_(stack) {}

  void run() {
    const size_t count = op_.schema().arguments().size();
    arguments_.assign(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    for (size_t i = 0; i < count; ++i) {
      IValue& argument = stack_[stack_.size() - count + i];
      argument = on_cpu(argument);
    }
    op_.callBoxed(stack_);
    for (const Seen& seen : seen_) adopt_new_size(seen);
    const size_t results = op_.schema().returns().size();
    for (size_t i = 0; i < results; ++i) {
      IValue& result = stack_[stack_.size() - results + i];
      const c10::AliasInfo* alias = op_.schema().returns()[i].alias_info();
      result = alias != nullptr && alias->isWrite() ? written_argument(*alias) : on_device(result);
    }
  }

 private:
  struct Seen {
    Tensor tensor, on_cpu;
  };

  Tensor on_cpu(const Tensor& tensor) {
    if (!tensor.defined() || !tensor.is_cuda()) return tensor;
    const size_t bytes = tensor.storage().nbytes();
    // An operator may make an empty result larger.
    c10::Storage storage =
        bytes > 0
            ? storage_of(bytes, {tensor.storage().mutable_data(), c10::kCPU})
            : c10::Storage(c10::Storage::use_byte_size_t(), 0, c10::GetAllocator(c10::kCPU), true);
    seen_.push_back({tensor, tensor_over(std::move(storage), c10::DispatchKey::CPU, tensor)});
    return seen_.back().on_cpu;
  }
  void adopt_new_size(const Seen& seen) const {
    if (seen.on_cpu.sizes() == seen.tensor.sizes()) return;
    const Tensor larger = on_device(seen.on_cpu);
    seen.tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(larger.storage());
    seen.tensor.unsafeGetTensorImpl()->set_sizes_and_strides(larger.sizes(), larger.strides());
  }
  IValue on_cpu(const IValue& value) {
    if (value.isTensor()) return on_cpu(value.toTensor());
    if (value.isDevice()) return value.toDevice() == kDevice ? c10::Device(c10::kCPU) : value;
    if (value.isTensorList()) {
      c10::List<Tensor> tensors;
      for (const Tensor& tensor : value.toTensorVector()) tensors.push_back(on_cpu(tensor));
      return tensors;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> tensors;
      for (const std::optional<Tensor>& tensor : value.toOptionalTensorVector()) {
        tensors.push_back(tensor.has_value() ? std::optional(on_cpu(*tensor)) : std::nullopt);
      }
      return tensors;
    }
    return value;
  }

  Tensor on_device(const Tensor& tensor) const {
    if (!tensor.defined()) return tensor;
    const c10::Storage& storage = tensor.storage();
    for (const Seen& seen : seen_) {
      if (storage.data() != nullptr && storage.data() == seen.tensor.storage().data()) {
        return tensor_over(seen.tensor.storage(), c10::DispatchKey::CUDA, tensor);
      }
    }
    c10::DataPtr data = empty_memory(storage.nbytes());
    if (op_.schema().name().find("aten::empty") == std::string::npos) {
      std::memcpy(data.get(), storage.data(), storage.nbytes());
    }
    return tensor_over(storage_of(storage.nbytes(), std::move(data)), c10::DispatchKey::CUDA,
                       tensor);
  }
  IValue on_device(const IValue& value) const {
    if (value.isTensor()) return on_device(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<Tensor> tensors;
    for (const Tensor& tensor : value.toTensorVector()) tensors.push_back(on_device(tensor));
    return tensors;
  }

  IValue written_argument(const c10::AliasInfo& alias) const {
    const auto& arguments = op_.schema().arguments();
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].alias_info() != nullptr && *arguments[i].alias_info() == alias) {
        return arguments_[i];
      }
    }
    TORCH_CHECK(false, "emulated: ", op_.schema(), " returns what it writes, but not which");
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack& stack_;
  std::vector<IValue> arguments_;
  std::vector<Seen> seen_;
};

void run_on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  Call(op, *stack).run();
}

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}
// Products of bfloat16 summed in float; the CPU has no such operator.
Tensor multiply_as(const Tensor& a, const Tensor& b, at::ScalarType dtype) {
  return at::mm(a.to(dtype), b.to(dtype));
}
Tensor& multiply_into(const Tensor& a, const Tensor& b, at::ScalarType dtype, Tensor& to) {
  return at::mm_out(to, a.to(dtype), b.to(dtype));
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  // It would not come so far: it looks for a kernel by the device.
  library.impl("copy_", torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
  library.impl("mm.dtype", &multiply_as);
  library.impl("mm.dtype_out", &multiply_into);
}

}  // namespace

}  // namespace seqsweep
