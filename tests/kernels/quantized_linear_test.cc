#include "kernels/quantized_linear.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "kernels/quantized_linear_cpu.h"
#include "tests/support/golden.h"

namespace seqsweep {
namespace quantized_linear_test {

using torch::Tensor;

constexpr WeightFormat kFormats[] = {WeightFormat::Int8, WeightFormat::Nf4, WeightFormat::Bf16};

// As tests/golden/make_nf4.py makes it.
Tensor golden_weight(int64_t rows, int64_t columns) {
  const Tensor numbers = torch::arange(rows * columns) * 7919;
  Tensor weight = (numbers.remainder(2003) - 1001).to(torch::kFloat) / 5000;
  weight.slice(0, 0, 64).zero_();
  return weight.view({rows, columns});
}

TEST(Nf4Golden, EqualsBitsandbytes) {
  const auto golden = read_golden("nf4");
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(kNf4Numbers[i], golden["codebook"][i].get<float>());
  for (const auto& expected : golden["cases"]) {
    const auto weight =
        quantize(golden_weight(expected["rows"], expected["columns"]), WeightFormat::Nf4);
    const auto equal = [](const Tensor& ours, const nlohmann::json& theirs) {
      const Tensor reference = to_tensor(theirs);
      return torch::equal(ours.flatten().slice(0, 0, reference.numel()).to(torch::kDouble),
                          reference);
    };
    EXPECT_TRUE(equal(weight.codes, expected["codes"]));
    EXPECT_TRUE(equal(weight.scales, expected["scale_codes"]));
    const Tensor read = dequantize(weight);
    const Tensor reference = to_tensor(expected["read"]);
    EXPECT_TRUE(torch::allclose(read.flatten().slice(0, 0, reference.numel()).to(torch::kDouble),
                                reference, 1e-6, 1e-8));
    EXPECT_NEAR(read.sum(torch::kDouble).item<double>(), expected["read_sum"].get<double>(), 1e-3);
    EXPECT_NEAR(read.square().sum(torch::kDouble).item<double>(),
                expected["read_square"].get<double>(), 1e-3);
  }
}

TEST(Nf4Golden, IsRemade) {
  expect_golden_is_remade("nf4", "torch, bitsandbytes");
}

TEST(QuantizedLinear, EqualsTheProductWithTheReadWeight) {
  torch::manual_seed(1);
  for (const WeightFormat format : kFormats) {
    for (const auto& [outputs, inputs] :
         {std::pair<int64_t, int64_t>{1, 2}, {3, 6}, {5, 64}, {70, 96}, {33, 128}, {129, 1000}}) {
      const auto weight = quantize(torch::randn({outputs, inputs}), format);
      const Tensor read = dequantize(weight), bias = torch::randn({outputs});
      for (const int64_t rows : {1, 2, 3, 4, 7, 16, 17, 40}) {
        const Tensor x = torch::randn({rows, inputs});
        const Tensor y = quantized_linear(x, weight, bias);
        EXPECT_TRUE(torch::allclose(y, torch::linear(x, read, bias), 1e-4, 1e-4))
            << outputs << " " << inputs << " " << rows;
        EXPECT_TRUE(torch::equal(y, quantized_linear(x, weight, bias)));
      }
    }
  }
}

TEST(QuantizedLinear, TheGradientReachesTheInput) {
  torch::manual_seed(2);
  for (const WeightFormat format : kFormats) {
    const auto weight = quantize(torch::randn({40, 64}), format);
    const Tensor read = dequantize(weight), d_y = torch::randn({5, 40});
    const Tensor x = torch::randn({5, 64}).requires_grad_();
    const Tensor bias = torch::randn({40}).requires_grad_();
    quantized_linear(x, weight, bias).backward(d_y);
    EXPECT_TRUE(torch::allclose(x.grad(), d_y.mm(read), 1e-4, 1e-4));
    EXPECT_TRUE(torch::allclose(bias.grad(), d_y.sum(0), 1e-5, 1e-5));
  }
}

TEST(QuantizedLinear, Bf16ReadsTheRoundedNumbersOfEveryLength) {
  torch::manual_seed(6);
  for (const int64_t inputs : {1, 7, 8, 9, 64, 1001}) {
    const Tensor weight = torch::randn({5, inputs});
    const QuantizedWeight held = quantize(weight, WeightFormat::Bf16);
    EXPECT_EQ(held.codes.nbytes(), weight.nbytes() / 2);
    EXPECT_TRUE(torch::equal(dequantize(held), weight.to(torch::kBFloat16).to(torch::kFloat)));
    EXPECT_TRUE(
        torch::equal(dequantize(quantize(dequantize(held), WeightFormat::Bf16)), dequantize(held)));
  }
}

TEST(QuantizedLinear, LosesLittle) {
  torch::manual_seed(3);
  const Tensor weight = torch::randn({64, 256});
  const auto error = [&](WeightFormat format) {
    return ((dequantize(quantize(weight, format)) - weight).norm() / weight.norm()).item<double>();
  };
  EXPECT_LT(error(WeightFormat::Int8), 0.01);
  EXPECT_LT(error(WeightFormat::Nf4), 0.12);
  EXPECT_LT(error(WeightFormat::Bf16), 0.004);
}

TEST(QuantizedLinear, AWeightOfZerosStaysOne) {
  for (const WeightFormat format : kFormats) {
    EXPECT_TRUE(
        torch::equal(dequantize(quantize(torch::zeros({4, 64}), format)), torch::zeros({4, 64})));
  }
}

TEST(QuantizedLinear, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(quantize(torch::randn({3, 5}), WeightFormat::Nf4), Error);
  EXPECT_THROW(quantize(torch::randn({4, 4}, torch::kDouble), WeightFormat::Int8), Error);
  const auto weight = quantize(torch::randn({3, 6}), WeightFormat::Int8);
  EXPECT_THROW(quantized_linear(torch::randn({2, 5}), weight, {}), Error);
}

}  // namespace quantized_linear_test
}  // namespace seqsweep
