// All trained parameters of a module as one flat tensor, with the module's own tensors as views of
// it, and the same for gradients. One all-reduce, one optimizer pass and one checkpoint entry then
// serve all of them.
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace seqsweep {

struct ParameterSlice {
  std::string name;  // As the module names it.
  int64_t begin = 0, size = 0;
  std::vector<int64_t> shape;
};

class Parameters {
 public:
  // Moves the module's parameters that require a gradient into one flat tensor. They must share
  // dtype and device. The module must outlive this and keep its parameters.
  explicit Parameters(torch::nn::Module& module);

  torch::Tensor& values() { return values_; }        // [P]
  torch::Tensor& gradients() { return gradients_; }  // [P], accumulated by backward()
  const std::vector<ParameterSlice>& slices() const { return slices_; }

 private:
  torch::Tensor values_, gradients_;
  std::vector<ParameterSlice> slices_;
};

}  // namespace seqsweep
