// selective_scan and lru_scan on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/lru_scan.h"
#include "kernels/selective_scan.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_scan_test {

using torch::Tensor;

const std::vector<int> kLengths{1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200};

Tensor first_tokens(const Tensor& rows, const std::vector<int>& lengths,
                    const std::function<int(int)>& begin, const std::function<int(int)>& end) {
  Tensors parts{rows.narrow(0, 0, 0)};
  int token = 0;
  for (const int length : lengths) {
    parts.push_back(rows.narrow(0, token + begin(length), end(length) - begin(length)));
    token += length;
  }
  return torch::cat(parts);
}

// Each sequence's tokens before its middle, or those from there on.
Tensor half_of(const Tensor& rows, const std::vector<int>& lengths, bool second) {
  const auto middle = [](int length) { return length / 2; };
  const auto whole = [](int length) { return length; };
  const auto zero = [](int) { return 0; };
  return second ? first_tokens(rows, lengths, middle, whole)
                : first_tokens(rows, lengths, zero, middle);
}

Tensor offsets_of_half(const std::vector<int>& lengths, bool second) {
  std::vector<int> halves;
  for (const int length : lengths) halves.push_back(second ? length - length / 2 : length / 2);
  return offsets_of(halves);
}

// x, dt, A, B, C, D, z, dt_bias.
Tensors draw_selective(int64_t tokens, int64_t channels, int64_t states) {
  torch::manual_seed(7);
  const auto draw = [](at::IntArrayRef sizes) { return torch::randn(sizes); };
  return {draw({tokens, channels}), draw({tokens, channels}), -draw({channels, states}).exp(),
          draw({tokens, states}),   draw({tokens, states}),   draw({channels}),
          draw({tokens, channels}), draw({channels}) - 1};
}

SelectiveScanInputs selective_inputs(const Tensors& v, const Tensor& offsets, bool strided) {
  const Tensors at =
      strided ? as_slices({v[0], v[1], v[3], v[4], v[6]}) : Tensors{v[0], v[1], v[3], v[4], v[6]};
  return {at[0], at[1], v[2], at[2], at[3], v[5], at[4], v[7], offsets.to(v[0].device())};
}

class CudaSelectiveScan : public GpuTest {
 protected:
  void expect_like_reference(const std::vector<int>& lengths, int64_t channels, int64_t states,
                             bool strided = true) const {
    SCOPED_TRACE(testing::Message() << testing::PrintToString(lengths) << " channels " << channels
                                    << " states " << states);
    const Tensor offsets = offsets_of(lengths);
    const int64_t tokens = offsets[-1].item<int>();
    const Function op = [&](const Tensors& v) {
      return selective_scan(selective_inputs(v, offsets, strided));
    };
    const Function reference = [&](const Tensors& v) {
      return selective_scan_reference(selective_inputs(v, offsets, /*strided=*/false));
    };
    // A reference that goes step by step is slow, and none where there is no step.
    const bool plain = tokens > 0 && tokens < 1000;
    expect_like(plain ? reference : op, op, draw_selective(tokens, channels, states), 1e-4);
  }
};

TEST_F(CudaSelectiveScan, EveryLengthAlone) {
  for (const int length : kLengths) expect_like_reference({length}, 8, 8);
}

TEST_F(CudaSelectiveScan, AThousandTokens) {
  expect_like_reference({1000}, 33, 16);
}

TEST_F(CudaSelectiveScan, AllLengthsPacked) {
  expect_like_reference(kOddLengths, 40, 16);
  expect_like_reference(kOddLengths, 40, 16, /*strided=*/false);
}

TEST_F(CudaSelectiveScan, OddChannels) {
  for (const int64_t channels : {1, 3, 31, 32, 33, 64, 65, 150}) {
    expect_like_reference({5, 0, 40}, channels, 5);
  }
}

TEST_F(CudaSelectiveScan, OddStates) {
  for (const int64_t states : {1, 4, 7, 8, 9, 16, 17, 20, 32, 33, 64, 65, 100, 128}) {
    expect_like_reference({5, 0, 40}, 10, states);
  }
}

TEST_F(CudaSelectiveScan, NoToken) {
  expect_like_reference({}, 4, 4);
  expect_like_reference({0, 0}, 4, 4);
}

TEST_F(CudaSelectiveScan, LargeStepsStayFinite) {
  Tensors inputs = draw_selective(50, 8, 8);
  inputs[1].mul_(300);
  const Tensor offsets = offsets_of({50});
  const auto scan = [&](const Tensors& v) {
    return selective_scan(selective_inputs(v, offsets, /*strided=*/true));
  };
  for (const Tensor& result : with_gradients(scan, on_gpu(inputs))) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
}

TEST_F(CudaSelectiveScan, GoesOnFromAState) {
  const std::vector<int> lengths{70, 0, 41, 1};
  const Tensors inputs = draw_selective(112, 40, 12), there = on_gpu(inputs);
  const Tensor offsets = offsets_of(lengths);
  const SelectiveScanInputs exact =
      selective_inputs(to(inputs, torch::kDouble), offsets, /*strided=*/false);
  Tensor expected_end = torch::zeros({4, 40, 12}, torch::kDouble);
  const Tensor expected = selective_scan_from(exact, expected_end);
  Tensor end = torch::zeros({4, 40, 12}).to(device_);
  const Tensor whole = selective_scan_from(selective_inputs(there, offsets, true), end);
  expect_relative({whole, end}, {expected, expected_end}, 2e-5);
  Tensor state = torch::zeros({4, 40, 12}).to(device_);
  for (const bool second : {false, true}) {
    Tensors half = there;
    for (const size_t i : {0, 1, 3, 4, 6}) half[i] = half_of(there[i], lengths, second);
    const Tensor y =
        selective_scan_from(selective_inputs(half, offsets_of_half(lengths, second), true), state);
    expect_relative({y}, {half_of(expected, lengths, second)}, 2e-5);
  }
  expect_relative({state}, {expected_end}, 2e-5);
}

class CudaLruScan : public GpuTest {
 protected:
  // x, lambda.
  static Tensors draw(int64_t tokens, int64_t channels) {
    torch::manual_seed(9);
    const Tensor radius = 0.5 + 0.49 * torch::rand({channels}),
                 angle = 6.28 * torch::rand({channels});
    return {torch::randn({tokens, 2 * channels}),
            torch::stack({radius * angle.cos(), radius * angle.sin()})};
  }
  void expect_like_reference(const std::vector<int>& lengths, int64_t channels) const {
    SCOPED_TRACE(testing::Message() << testing::PrintToString(lengths) << " channels " << channels);
    const Tensor offsets = offsets_of(lengths);
    const int64_t tokens = offsets[-1].item<int>();
    const Function op = [&](const Tensors& v) {
      const Tensor x = as_slices({v[0], v[0].detach()})[0];
      return lru_scan({x, v[1], offsets.to(v[0].device())});
    };
    const Function reference = [&](const Tensors& v) {
      return lru_scan_reference({v[0], v[1], offsets});
    };
    const bool plain = tokens > 0 && tokens < 1000;
    expect_like(plain ? reference : op, op, draw(tokens, channels), 1e-4);
  }
};

TEST_F(CudaLruScan, EveryLengthAlone) {
  for (const int length : kLengths) expect_like_reference({length}, 8);
}

TEST_F(CudaLruScan, AThousandTokens) {
  expect_like_reference({1000}, 33);
}

TEST_F(CudaLruScan, AllLengthsPacked) {
  expect_like_reference(kOddLengths, 40);
}

TEST_F(CudaLruScan, OddChannels) {
  for (const int64_t channels : {1, 3, 31, 32, 33, 64, 65, 128, 150, 300}) {
    expect_like_reference({5, 0, 40}, channels);
  }
}

TEST_F(CudaLruScan, NoToken) {
  expect_like_reference({}, 4);
  expect_like_reference({0, 0}, 4);
}

TEST_F(CudaLruScan, GoesOnFromAStateAndGivesLastStatesAlone) {
  const std::vector<int> lengths{70, 0, 41, 1};
  const Tensors inputs = draw(112, 40), exact = to(inputs, torch::kDouble), there = on_gpu(inputs);
  const Tensor offsets = offsets_of(lengths);
  Tensor expected_end = torch::zeros({4, 80}, torch::kDouble);
  const Tensor expected = lru_scan_from({exact[0], exact[1], offsets}, expected_end);
  Tensor state = torch::zeros({4, 80}).to(device_);
  for (const bool second : {false, true}) {
    const Tensor half_offsets = offsets_of_half(lengths, second).to(device_);
    const Tensor y =
        lru_scan_from({half_of(there[0], lengths, second), there[1], half_offsets}, state);
    expect_relative({y}, {half_of(expected, lengths, second)}, 2e-5);
  }
  const Tensor last = lru_scan_last({there[0], there[1], offsets.to(device_)});
  expect_relative({state, last}, {expected_end, expected_end}, 2e-5);
}

}  // namespace cuda_scan_test
}  // namespace seqsweep
