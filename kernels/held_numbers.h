// Pointers into tensors for a kernel that is written on numbers alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace seqsweep {

// Holds the tensors, or contiguous copies of them, as long as it lives.
class HeldNumbers {
 public:
  // Null where the tensor is undefined.
  template <typename T = float>
  const T* of(const at::Tensor& tensor) {
    if (!tensor.defined()) return nullptr;
    held_.push_back(tensor.contiguous());
    return held_.back().template data_ptr<T>();
  }

 private:
  std::vector<at::Tensor> held_;
};

}  // namespace seqsweep
