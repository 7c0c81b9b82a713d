#include "core/train/parameters.h"

#include "core/base/error.h"

namespace seqsweep {

Parameters::Parameters(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  int64_t total = 0;
  for (const auto& entry : module.named_parameters()) {
    const torch::Tensor& tensor = entry.value();
    if (!tensor.requires_grad()) continue;
    if (tensor.scalar_type() != torch::kFloat32 && tensor.scalar_type() != torch::kFloat64) {
      throw_run("parameter {}: trained parameters must be float32 or float64, this one is {}",
                entry.key(), c10::toString(tensor.scalar_type()));
    }
    if (!tensors_.empty() && (tensor.scalar_type() != tensors_[0].scalar_type() ||
                              tensor.device() != tensors_[0].device())) {
      throw_run("parameter {}: trained parameters must share dtype and device", entry.key());
    }
    slices_.push_back({entry.key(), total, tensor.numel(), tensor.sizes().vec()});
    tensors_.push_back(tensor);
    total += tensor.numel();
  }
  const auto options = tensors_.empty() ? torch::TensorOptions() : tensors_[0].options();
  values_ = torch::empty({total}, options.requires_grad(false));
  sums_ = torch::zeros({total + 2}, options.requires_grad(false));
  gradients_ = sums_.narrow(0, 0, total);
  loss_and_targets_ = sums_.narrow(0, total, 2);
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const ParameterSlice& slice = slices_[i];
    torch::Tensor view = values_.narrow(0, slice.begin, slice.size).view(slice.shape);
    view.copy_(tensors_[i]);
    tensors_[i].set_data(view);
    tensors_[i].mutable_grad() = gradients_.narrow(0, slice.begin, slice.size).view(slice.shape);
  }
}

}  // namespace seqsweep
