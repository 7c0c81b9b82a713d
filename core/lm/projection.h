// A linear layer of a language model. Its weight may be held in few bits, fixed; and it may be
// adapted by LoRA (Hu et al. 2021): the weight is then fixed and a product of two thin matrices
// added, y = W x + b + (alpha / rank) B A dropout(x).
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "kernels/quantized_linear.h"

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
  // The weight is not initialised and lies on `device`; on the meta device it has no memory until
  // hold() brings numbers.
  Projection(int64_t in, int64_t out, bool bias, WeightOrder order = WeightOrder::OutIn,
             torch::Device device = torch::kCPU);

  torch::Tensor forward(const torch::Tensor& x_RI);  // [R, in] to [R, out]

  // Fixes weight and bias; A starts as torch's Linear does, B as 0, so that nothing changes yet.
  void adapt(const LoraOptions& options);
  bool adapted() const { return lora_A_.defined(); }
  const LoraOptions& lora() const { return lora_; }  // Of an adapted one.
  // Adds the product to the weight and forgets A and B. Not where the weight is in few bits.
  void merge();

  // Holds the weight in few bits from now on, or this one in place of it; it cannot be trained any
  // more.
  void quantize(WeightFormat format);
  void hold(QuantizedWeight weight);
  bool quantized() const { return !weight_.defined(); }

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

 private:
  torch::Tensor product(const torch::Tensor& x_RI) const;
  torch::Tensor weight_as_OI() const;

  int64_t inputs_, outputs_;
  WeightOrder order_;
  torch::Tensor weight_, bias_;
  QuantizedWeight in_few_bits_;    // In place of weight_; its tensors are the module's buffers.
  torch::Tensor lora_A_, lora_B_;  // [rank, in], [out, rank]
  LoraOptions lora_;
};

// Every Projection that is not in few bits yet.
void quantize(torch::nn::Module& model, WeightFormat format);

// Adapts every Projection whose own name is in `names` ("q_proj"), and fixes all other parameters
// of the model. Throws Error (Fault::Input) that lists the valid names when one fits none.
void adapt(torch::nn::Module& model, const std::vector<std::string>& names,
           const LoraOptions& options);

}  // namespace seqsweep
