// A linear layer of a language model, whose weight may be adapted by LoRA (Hu et al. 2021): the
// weight is then fixed and a product of two thin matrices added, y = W x + b + (alpha / rank) B A
// dropout(x).
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace seqsweep {

enum class WeightOrder {
  OutIn,  // [out, in], as torch's Linear.
  InOut,  // [in, out], as the Conv1D layers of GPT-2's checkpoints.
};

struct LoraOptions {
  int64_t rank = 8;
  double alpha = 32;
  double dropout = 0.05;
};

class Projection : public torch::nn::Module {
 public:
  Projection(int64_t in, int64_t out, bool bias, WeightOrder order = WeightOrder::OutIn);

  torch::Tensor forward(const torch::Tensor& x_RI);  // [R, in] to [R, out]

  // Fixes weight and bias; A starts as torch's Linear does, B as 0, so that nothing changes yet.
  void adapt(const LoraOptions& options);
  bool adapted() const { return lora_A_.defined(); }
  const LoraOptions& lora() const { return lora_; }  // Of an adapted one.
  // Adds the product to the weight and forgets A and B.
  void merge();

  const torch::Tensor& weight() const { return weight_; }
  const torch::Tensor& bias() const { return bias_; }  // Undefined: none.
  int64_t inputs() const { return weight_.size(order_ == WeightOrder::OutIn ? 1 : 0); }
  int64_t outputs() const { return weight_.size(order_ == WeightOrder::OutIn ? 0 : 1); }

 private:
  WeightOrder order_;
  torch::Tensor weight_, bias_;
  torch::Tensor lora_A_, lora_B_;  // [rank, in], [out, rank]
  LoraOptions lora_;
};

// Adapts every Projection whose own name is in `names` ("q_proj"), and fixes all other parameters
// of the model. Throws Error (Fault::Input) that lists the valid names when one fits none.
void adapt(torch::nn::Module& model, const std::vector<std::string>& names,
           const LoraOptions& options);

}  // namespace seqsweep
