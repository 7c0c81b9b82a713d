// conv1d_silu, rms_norm_gate and seeded_dropout on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/conv1d_silu.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/seeded_dropout.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_row_ops_test {

using torch::Tensor;

class CudaConv1dSilu : public GpuTest {
 protected:
  static Tensors draw(int64_t tokens, int64_t channels, int64_t width) {
    torch::manual_seed(14);
    return {torch::randn({tokens, channels}), torch::randn({channels, width}),
            torch::randn({channels})};
  }
  void expect_like_reference(const std::vector<int>& lengths, int64_t channels, int64_t width,
                             ConvSpan span) const {
    SCOPED_TRACE(testing::Message()
                 << testing::PrintToString(lengths) << " channels " << channels << " width "
                 << width << " causal " << (span == ConvSpan::Causal));
    const Tensor offsets = offsets_of(lengths);
    const int64_t tokens = offsets[-1].item<int>();
    const Function op = [&](const Tensors& v) {
      const Tensor x = as_slices({v[0], v[0].detach()})[0];
      return conv1d_silu(x, v[1], v[2], offsets.to(x.device()), span);
    };
    const Function reference = [&](const Tensors& v) {
      return conv1d_silu_reference(v[0], v[1], v[2], offsets, span);
    };
    expect_like(tokens > 0 ? reference : op, op, draw(tokens, channels, width), 1e-5);
  }
  void expect_like_reference(const std::vector<int>& lengths, int64_t channels) const {
    expect_like_reference(lengths, channels, 4, ConvSpan::Causal);
    expect_like_reference(lengths, channels, 7, ConvSpan::Centred);
  }
};

TEST_F(CudaConv1dSilu, EveryLengthAlone) {
  for (const int length : {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 1000}) {
    expect_like_reference({length}, 20);
  }
}

TEST_F(CudaConv1dSilu, AllLengthsPacked) {
  expect_like_reference(kOddLengths, 48);
}

TEST_F(CudaConv1dSilu, OddChannelsAndWidths) {
  for (const int64_t channels : {1, 3, 31, 32, 33, 128, 150, 300}) {
    expect_like_reference({5, 0, 40, 1, 2}, channels);
  }
  for (const int64_t width : {1, 2, 3, 5, 8, 9}) {
    expect_like_reference({5, 0, 40, 1, 2}, 20, width, ConvSpan::Causal);
    if (width % 2 == 1) expect_like_reference({5, 0, 40, 1, 2}, 20, width, ConvSpan::Centred);
  }
}

TEST_F(CudaConv1dSilu, NoToken) {
  expect_like_reference({}, 4);
  expect_like_reference({0, 0}, 4);
}

TEST_F(CudaConv1dSilu, GoesOnFromATail) {
  const std::vector<int> lengths{7, 0, 41, 1, 2, 3};
  for (const int64_t width : {1, 2, 4, 9}) {
    const Tensor offsets = offsets_of(lengths);
    const Tensors inputs = draw(54, 20, width), there = on_gpu(inputs);
    const Tensors exact = to(inputs, torch::kDouble);
    Tensor expected_tail = torch::randn({6, width - 1, 20}, torch::kDouble).to(torch::kFloat);
    Tensor tail = expected_tail.to(device_, torch::kFloat, /*non_blocking=*/false, /*copy=*/true);
    expected_tail = expected_tail.to(torch::kDouble);
    for (int piece = 0; piece < 3; ++piece) {
      const Tensor expected =
          conv1d_silu_from(exact[0], exact[1], exact[2], offsets, expected_tail);
      const Tensor x = as_slices({there[0], there[0]})[1];
      const Tensor y = conv1d_silu_from(x, there[1], there[2], offsets.to(device_), tail);
      expect_relative({y, tail}, {expected, expected_tail}, 1e-5);
    }
  }
}

class CudaRmsNormGate : public GpuTest {
 protected:
  void expect_like_reference(int64_t rows, int64_t width, int64_t groups) const {
    torch::manual_seed(15);
    const Tensors inputs{torch::randn({rows, width}), torch::randn({rows, width}),
                         torch::randn({width})};
    for (const GateOrder order : {GateOrder::GateFirst, GateOrder::NormFirst}) {
      SCOPED_TRACE(testing::Message() << rows << " rows of " << width << ", groups " << groups
                                      << ", gate first " << (order == GateOrder::GateFirst));
      const Function op = [&](const Tensors& v) {
        const Tensors at = as_slices({v[0], v[1]});
        return rms_norm_gate(at[0], at[1], v[2], groups, 1e-5, order);
      };
      const Function reference = [&](const Tensors& v) {
        return rms_norm_gate_reference(v[0], v[1], v[2], groups, 1e-5, order);
      };
      expect_like(reference, op, inputs, 1e-5);
    }
  }
};

TEST_F(CudaRmsNormGate, AllNumbersOfRows) {
  for (const int64_t rows : {1, 2, 31, 127, 128, 129, 255, 256, 257, 1000}) {
    expect_like_reference(rows, 48, 2);
  }
}

TEST_F(CudaRmsNormGate, AllWidthsAndGroups) {
  for (const auto& [width, groups] : {std::pair<int64_t, int64_t>{1, 1},
                                      {2, 2},
                                      {3, 1},
                                      {31, 1},
                                      {33, 3},
                                      {64, 1},
                                      {64, 64},
                                      {100, 4},
                                      {128, 1},
                                      {129, 1},
                                      {256, 2},
                                      {1000, 8},
                                      {1024, 1},
                                      {2050, 1},
                                      {5000, 1}}) {
    expect_like_reference(70, width, groups);
  }
}

TEST_F(CudaRmsNormGate, NoRow) {
  expect_like_reference(0, 48, 2);
}

class CudaSeededDropout : public GpuTest {};

TEST_F(CudaSeededDropout, DropsWhatTheCpuDrops) {
  for (const double probability : {0.1, 0.5, 0.9}) {
    for (const int64_t size : {0, 1, 2, 31, 1000, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, 100'003}) {
      SCOPED_TRACE(testing::Message() << size << " " << probability);
      torch::manual_seed(16);
      const Tensor x = torch::randn({size});
      const auto drop = [&](const Tensors& v) { return seeded_dropout(v[0], probability, 21); };
      const Tensors ours = with_gradients(drop, {x.to(device_)});
      const Tensors on_cpu = with_gradients(drop, {x});
      EXPECT_TRUE(torch::equal(ours[0].cpu(), on_cpu[0]));
      expect_relative({ours[1]}, {on_cpu[1]}, 1e-6);
      expect_same_bits(with_gradients(drop, {x.to(device_)}), ours);
    }
  }
}

TEST_F(CudaSeededDropout, GradientsHaveTheSameMask) {
  const Tensor x = torch::ones({50'000}).to(device_).requires_grad_();
  const Tensor y = seeded_dropout(x, 0.3, 22);
  torch::rand({1000}, device_);  // What others draw between the two changes nothing.
  y.backward(torch::ones_like(y));
  EXPECT_TRUE(torch::equal(y.detach(), x.grad()));
  EXPECT_FALSE(torch::equal(y.detach(), seeded_dropout(x, 0.3, 23).detach()));
}

TEST_F(CudaSeededDropout, TakesViews) {
  torch::manual_seed(17);
  const Tensor x = torch::randn({40, 70});
  const auto drop = [](const Tensor& of) {
    return seeded_dropout(of.narrow(1, 3, 60).t(), 0.4, 5);
  };
  EXPECT_TRUE(torch::equal(drop(x.to(device_)).cpu(), drop(x)));
}

}  // namespace cuda_row_ops_test
}  // namespace seqsweep
