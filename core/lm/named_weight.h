// Parameters under the names of published checkpoints, whose modules hold one "weight" each.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>

namespace seqsweep {

// "NAME.weight" of the parent; returns the parameter.
inline torch::Tensor register_weight(torch::nn::Module& parent, const std::string& name,
                                     torch::Tensor value) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>())
      ->register_parameter("weight", std::move(value));
}

// Of a norm, which starts as nothing.
inline torch::Tensor register_norm_weight(torch::nn::Module& parent, const std::string& name,
                                          int64_t width) {
  return register_weight(parent, name, torch::ones({width}));
}

}  // namespace seqsweep
