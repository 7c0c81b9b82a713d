// All trained parameters of a module as one flat tensor, with the module's own tensors as views of
// it, and the same for gradients. One all-reduce and one optimizer pass then serve all of them.
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
  // Moves the module's parameters that require a gradient into one flat tensor. They must be
  // float32 or float64 and share dtype and device; throws Error (Fault::Run) otherwise. The module
  // must outlive this and keep its parameters.
  explicit Parameters(torch::nn::Module& module);

  torch::Tensor& values() { return values_; }        // [P]
  torch::Tensor& gradients() { return gradients_; }  // [P], accumulated by backward()
  const std::vector<ParameterSlice>& slices() const { return slices_; }
  const std::vector<torch::Tensor>& tensors() const { return tensors_; }  // The module's, likewise.

  // What a step sums over its microbatches and ranks: [gradients, loss, targets], P + 2 numbers.
  // float32 counts exactly up to 16 million targets a step.
  torch::Tensor& sums() { return sums_; }
  torch::Tensor& loss_and_targets() { return loss_and_targets_; }  // The last 2 of them.

 private:
  torch::Tensor values_, sums_;
  torch::Tensor gradients_, loss_and_targets_;  // Views of sums_.
  std::vector<ParameterSlice> slices_;
  std::vector<torch::Tensor> tensors_;
};

}  // namespace seqsweep
