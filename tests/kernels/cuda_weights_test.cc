// Weights and optimizer states of few bits, on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "kernels/blockwise_adamw.h"
#include "kernels/quantized_linear.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_weights_test {

using torch::Tensor;

constexpr WeightFormat kFormats[] = {WeightFormat::Int8, WeightFormat::Nf4, WeightFormat::Bf16};

class CudaQuantizedLinear : public GpuTest {
 protected:
  QuantizedWeight there(QuantizedWeight weight) const {
    for (Tensor* tensor : {&weight.codes, &weight.scales, &weight.scale_blocks}) {
      if (tensor->defined()) *tensor = tensor->to(device_);
    }
    return weight;
  }
  void expect_like_float(const QuantizedWeight& weight, int64_t rows, bool bias) const {
    SCOPED_TRACE(testing::Message()
                 << (weight.format == WeightFormat::Int8 ? "int8 " : "nf4 ") << weight.outputs
                 << " x " << weight.inputs << ", rows " << rows << ", bias " << bias);
    const QuantizedWeight moved = there(weight);
    const Tensor read = dequantize(weight).to(torch::kDouble);
    const Function op = [&](const Tensors& v) {
      return quantized_linear(v[0], moved, bias ? v[1] : Tensor());
    };
    const Function reference = [&](const Tensors& v) {
      return bias ? torch::linear(v[0], read, v[1]) : torch::linear(v[0], read);
    };
    Tensors inputs{torch::randn({rows, weight.inputs})};
    if (bias) inputs.push_back(torch::randn({weight.outputs}));
    expect_like(reference, op, inputs, 1e-2);
  }
};

TEST_F(CudaQuantizedLinear, ReadsTheWeightsOfTheCpu) {
  torch::manual_seed(1);
  for (const WeightFormat format : kFormats) {
    for (const auto& [outputs, inputs] :
         {std::pair<int64_t, int64_t>{1, 2}, {3, 6}, {5, 64}, {7, 10}, {70, 96}, {129, 1000}}) {
      const QuantizedWeight weight = quantize(torch::randn({outputs, inputs}), format);
      const Tensor ours = dequantize(there(weight)), expected = dequantize(weight);
      EXPECT_TRUE(torch::allclose(ours.cpu(), expected, 1e-6, 1e-8)) << outputs << " " << inputs;
      expect_same_bits({dequantize(there(weight))}, {ours});
    }
  }
}

TEST_F(CudaQuantizedLinear, EqualsTheProductWithTheReadWeight) {
  torch::manual_seed(2);
  for (const WeightFormat format : kFormats) {
    for (const auto& [outputs, inputs] :
         {std::pair<int64_t, int64_t>{1, 2}, {3, 6}, {33, 128}, {129, 1000}}) {
      const QuantizedWeight weight = quantize(torch::randn({outputs, inputs}), format);
      for (const int64_t rows : {1, 2, 3, 4, 5, 16, 17, 200}) {
        for (const bool bias : {true, false}) expect_like_float(weight, rows, bias);
      }
    }
  }
}

TEST_F(CudaQuantizedLinear, ALargeWeight) {
  torch::manual_seed(3);
  for (const WeightFormat format : kFormats) {
    const QuantizedWeight weight = quantize(torch::randn({2100, 2048}), format);
    for (const int64_t rows : {1, 5}) expect_like_float(weight, rows, /*bias=*/true);
  }
}

// What is written a token at a time: its weights are read as they are.
TEST_F(CudaQuantizedLinear, ProductsOfFewRowsAreFloat) {
  torch::manual_seed(4);
  for (const WeightFormat format : {WeightFormat::Int8, WeightFormat::Nf4}) {
    for (const auto& [outputs, inputs] :
         {std::pair<int64_t, int64_t>{1, 64}, {7, 128}, {129, 1024}, {1000, 4096}}) {
      const QuantizedWeight weight = quantize(torch::randn({outputs, inputs}), format);
      const Tensor read = dequantize(weight).to(torch::kDouble);
      for (const int64_t rows : {1, 2, 3, 4}) {
        SCOPED_TRACE(testing::Message() << outputs << " x " << inputs << ", rows " << rows);
        const Tensor x = torch::randn({rows, inputs});
        expect_relative({quantized_linear(x.to(device_), there(weight), {})},
                        {torch::linear(x.to(torch::kDouble), read)}, 1e-5);
      }
    }
  }
}

TEST_F(CudaQuantizedLinear, NoRow) {
  expect_like_float(quantize(torch::randn({6, 8}), WeightFormat::Int8), 0, /*bias=*/true);
}

class CudaBlockwiseAdamW : public GpuTest {
 protected:
  static BlockwiseAdamW start(int64_t size, c10::Device device) {
    torch::manual_seed(4);
    const int64_t blocks = (size + kStateBlock - 1) / kStateBlock;
    const auto bytes = torch::dtype(torch::kByte).device(device);
    return {.values = torch::randn({size}).to(device),
            .gradients = torch::zeros({size}, device),
            .mean_codes = torch::zeros({size}, bytes),
            .square_codes = torch::zeros({size}, bytes),
            .mean_scales = torch::zeros({blocks}, device),
            .square_scales = torch::zeros({blocks}, device),
            .codebooks = state_codebooks(device)};
  }
  static AdamWRule rule(int64_t step) {
    return {
        .lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.01, .step = step};
  }
  static void take_steps(const BlockwiseAdamW& t, int64_t count) {
    for (int64_t step = 1; step <= count; ++step) {
      torch::manual_seed(50 + step);
      t.gradients.copy_(torch::randn({t.values.numel()}) * torch::rand({t.values.numel()}));
      blockwise_adamw_step(t, rule(step));
    }
  }
  // A number between two codes may be rounded either way.
  static void expect_like_codes(const Tensor& ours, const Tensor& expected) {
    const Tensor difference = (ours.cpu().to(torch::kInt) - expected.to(torch::kInt)).abs();
    EXPECT_LE(difference.max().item<int>(), 1);
    EXPECT_LE((difference > 0).sum().item<int64_t>(), 3 + ours.numel() / 500);
  }
};

TEST_F(CudaBlockwiseAdamW, MakesTheStepsOfTheCpu) {
  for (const int64_t size : {1, 31, 255, 256, 257, 1000, 100'003}) {
    SCOPED_TRACE(size);
    for (const int64_t steps : {1, 4}) {
      const BlockwiseAdamW cpu = start(size, torch::kCPU), gpu = start(size, device_);
      take_steps(cpu, steps);
      take_steps(gpu, steps);
      expect_relative({gpu.values}, {cpu.values}, steps == 1 ? 1e-6 : 1e-3);
      expect_relative({gpu.mean_scales, gpu.square_scales}, {cpu.mean_scales, cpu.square_scales},
                      steps == 1 ? 1e-6 : 1e-3);
      expect_like_codes(gpu.mean_codes, cpu.mean_codes);
      expect_like_codes(gpu.square_codes, cpu.square_codes);
      const BlockwiseAdamW again = start(size, device_);
      take_steps(again, steps);
      expect_same_bits({again.values, again.mean_codes, again.square_codes, again.mean_scales},
                       {gpu.values, gpu.mean_codes, gpu.square_codes, gpu.mean_scales});
    }
  }
}

TEST_F(CudaBlockwiseAdamW, PassesNotANumberOnAndTakesZeros) {
  const BlockwiseAdamW t = start(300, device_);
  const Tensor before = t.values.clone();
  AdamWRule plain = rule(1);
  plain.weight_decay = 0;
  blockwise_adamw_step(t, plain);
  EXPECT_TRUE(torch::equal(t.values, before));
  t.gradients[7] = std::nanf("");
  blockwise_adamw_step(t, plain);
  EXPECT_TRUE(t.values[7].isnan().item<bool>());
  EXPECT_FALSE(t.values[8].isnan().item<bool>());
}

TEST_F(CudaBlockwiseAdamW, NoParametersAreNoStep) {
  blockwise_adamw_step(start(0, device_), rule(1));
}

}  // namespace cuda_weights_test
}  // namespace seqsweep
