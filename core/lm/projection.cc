#include "core/lm/projection.h"

#include <torch/nn/init.h>

#include <algorithm>
#include <set>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "kernels/few_row_linear.h"
#include "kernels/seeded_dropout.h"

namespace seqsweep {

using torch::Tensor;

Projection::Projection(int64_t in, int64_t out, bool bias, WeightOrder order, torch::Device device)
    : inputs_(in), outputs_(out), order_(order) {
  const std::vector<int64_t> sizes =
      order == WeightOrder::OutIn ? std::vector{out, in} : std::vector{in, out};
  weight_ = register_parameter("weight", torch::empty(sizes, device));
  if (bias) bias_ = register_parameter("bias", torch::zeros({out}));
}

Tensor Projection::forward(const Tensor& x_RI) {
  const Tensor y_RO = quantized() ? quantized_linear(x_RI, in_few_bits_, bias_) : product(x_RI);
  if (!adapted()) return y_RO;
  const Tensor seen_RI = is_training() ? seeded_dropout(x_RI, lora_.dropout, draw_seed()) : x_RI;
  const Tensor added_RO = torch::linear(torch::linear(seen_RI, lora_A_), lora_B_);
  return torch::add(y_RO, added_RO, lora_.alpha / static_cast<double>(lora_.rank));
}

void Projection::adapt(const LoraOptions& options) {
  SEQ_CHECK(!adapted());
  lora_ = options;
  if (!quantized()) weight_.set_requires_grad(false);
  if (bias_.defined()) bias_.set_requires_grad(false);
  lora_A_ = register_parameter("lora_A", torch::empty({options.rank, inputs_}));
  lora_B_ = register_parameter("lora_B", torch::zeros({outputs_, options.rank}));
  torch::nn::init::kaiming_uniform_(lora_A_, std::sqrt(5.0));
}

void Projection::merge() {
  SEQ_CHECK(adapted() && !quantized());
  const torch::NoGradGuard no_grad;
  weight_as_OI().add_(torch::mm(lora_B_, lora_A_), lora_.alpha / static_cast<double>(lora_.rank));
  parameters_.erase("lora_A");
  parameters_.erase("lora_B");
  lora_A_ = lora_B_ = Tensor();
}

void Projection::quantize(WeightFormat format) {
  hold(seqsweep::quantize(weight_as_OI(), format));
}

void Projection::hold(QuantizedWeight weight) {
  SEQ_CHECK(!quantized() && !adapted());
  SEQ_CHECK(weight.outputs == outputs_ && weight.inputs == inputs_);
  in_few_bits_ = std::move(weight);
  parameters_.erase("weight");
  weight_ = Tensor();
  register_buffer("codes", in_few_bits_.codes);
  if (in_few_bits_.scales.defined()) register_buffer("scales", in_few_bits_.scales);
  if (in_few_bits_.scale_blocks.defined()) {
    register_buffer("scale_blocks", in_few_bits_.scale_blocks);
  }
}

// In training the same bits with and without a gradient: a layer may be computed again for one.
Tensor Projection::product(const Tensor& x_RI) const {
  if (is_training()) return torch::linear(x_RI, weight_as_OI(), bias_);
  return few_row_linear(x_RI, weight_as_OI(), bias_);
}

Tensor Projection::weight_as_OI() const {
  return order_ == WeightOrder::OutIn ? weight_ : weight_.t();
}

void quantize(torch::nn::Module& model, WeightFormat format) {
  for (const auto& module : model.named_modules("", /*include_self=*/false)) {
    auto* projection = module.value()->as<Projection>();
    if (projection != nullptr && !projection->quantized()) projection->quantize(format);
  }
}

void adapt(torch::nn::Module& model, const std::vector<std::string>& names,
           const LoraOptions& options) {
  for (Tensor& parameter : model.parameters()) parameter.set_requires_grad(false);
  std::set<std::string> valid, used;
  for (const auto& module : model.named_modules("", /*include_self=*/false)) {
    auto* projection = module.value()->as<Projection>();
    if (projection == nullptr) continue;
    const std::string own_name = module.key().substr(module.key().rfind('.') + 1);
    valid.insert(own_name);
    if (std::ranges::find(names, own_name) == names.end()) continue;
    used.insert(own_name);
    projection->adapt(options);
  }
  for (const std::string& name : names) {
    if (used.contains(name)) continue;
    throw_input("lora: modules: '{}' is none of the model's; valid are {}", printable(name),
                join({valid.begin(), valid.end()}, ", "));
  }
}

}  // namespace seqsweep
