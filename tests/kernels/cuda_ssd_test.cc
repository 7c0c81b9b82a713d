// ssd, bidirectional_ssd and ssd_last on a GPU.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/ssd.h"
#include "kernels/ssd_last.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_ssd_test {

using torch::Tensor;

constexpr double kTolerance = 1e-4;

struct Shape {
  int64_t heads = 4, width = 16, groups = 2, state = 16;
};

const std::vector<int> kLengths{1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200};
const std::vector<Shape> kShapes{{1, 1, 1, 1},    {1, 3, 1, 5},    {3, 8, 1, 16},  {3, 16, 3, 8},
                                 {4, 31, 2, 33},  {2, 32, 1, 32},  {6, 33, 2, 31}, {2, 64, 1, 64},
                                 {2, 64, 1, 128}, {1, 128, 1, 64}, {2, 65, 2, 17}};

Tensor draw(at::IntArrayRef sizes) {
  return torch::randn(sizes);
}

// x, dt, B, C, then A, D, dt_bias.
Tensors draw_ssd(int64_t tokens, const Shape& s) {
  torch::manual_seed(11);
  return {draw({tokens, s.heads, s.width}),
          draw({tokens, s.heads}),
          draw({tokens, s.groups, s.state}),
          draw({tokens, s.groups, s.state}),
          -draw({s.heads}).exp(),
          draw({s.heads}),
          draw({s.heads}) - 1};
}

// The first `count` come as slices of one projection, as mixers give them.
Tensors with_slices(const Tensors& v, size_t count, bool strided) {
  if (!strided) return v;
  Tensors all = as_slices(Tensors(v.begin(), v.begin() + static_cast<long>(count)));
  all.insert(all.end(), v.begin() + static_cast<long>(count), v.end());
  return all;
}

SsdInputs ssd_inputs(const Tensors& v, const Tensor& offsets, bool strided = false) {
  const Tensors at = with_slices(v, 4, strided);
  return {at[0], at[1], at[4], at[2], at[3], at[5], at[6], offsets.to(v[0].device())};
}

// x, dt_forward, dt_backward, B and C of both, diagonal, then A, dt_bias.
Tensors draw_bidirectional(int64_t tokens, const Shape& s) {
  torch::manual_seed(12);
  const auto of_groups = [&] { return draw({tokens, s.groups, s.state}); };
  return {draw({tokens, s.heads, s.width}),
          draw({tokens, s.heads}),
          draw({tokens, s.heads}),
          of_groups(),
          of_groups(),
          of_groups(),
          of_groups(),
          draw({tokens, s.heads}),
          -draw({s.heads}).exp(),
          draw({s.heads}) - 1};
}

BidirectionalSsdInputs bidirectional_inputs(const Tensors& v, const Tensor& offsets,
                                            bool strided = false) {
  const Tensors at = with_slices(v, 8, strided);
  return {at[0],
          at[1],
          at[2],
          at[8],
          at[3],
          at[4],
          at[5],
          at[6],
          at[9],
          at[7],
          offsets.to(v[0].device())};
}

// x, dt, B, then A, C, dt_bias.
Tensors draw_last(int64_t tokens, int64_t sequences, const Shape& s) {
  torch::manual_seed(13);
  return {draw({tokens, s.heads, s.width}),     draw({tokens, s.heads}),
          draw({tokens, s.groups, s.state}),    -draw({s.heads}).exp(),
          draw({sequences, s.groups, s.state}), draw({s.heads}) - 1};
}

SsdLastInputs last_inputs(const Tensors& v, const Tensor& offsets, int64_t unread,
                          bool strided = false) {
  const Tensors at = with_slices(v, 3, strided);
  return {at[0], at[1], at[3], at[2], at[4], at[5], offsets.to(v[0].device()), unread};
}

class CudaSsdTest : public GpuTest {
 protected:
  static int64_t tokens_of(const std::vector<int>& lengths) {
    return offsets_of(lengths)[-1].item<int>();
  }
  static std::string text(const std::vector<int>& lengths, const Shape& s) {
    return testing::PrintToString(lengths) + " heads, width, groups, state: " +
           testing::PrintToString(std::vector<int64_t>{s.heads, s.width, s.groups, s.state});
  }
};

class CudaSsd : public CudaSsdTest {
 protected:
  void expect_like_reference(const std::vector<int>& lengths, const Shape& shape = {},
                             bool strided = true) const {
    SCOPED_TRACE(text(lengths, shape));
    const Tensor offsets = offsets_of(lengths);
    const Function op = [&](const Tensors& v) { return ssd(ssd_inputs(v, offsets, strided)); };
    const Function reference = [&](const Tensors& v) {
      return ssd_reference(ssd_inputs(v, offsets));
    };
    const int64_t tokens = tokens_of(lengths);
    expect_like(tokens > 0 ? reference : op, op, draw_ssd(tokens, shape), kTolerance);
  }
};

TEST_F(CudaSsd, EveryLengthAlone) {
  for (const int length : kLengths) expect_like_reference({length});
}
TEST_F(CudaSsd, AThousandTokens) {
  expect_like_reference({1000}, {.heads = 2, .width = 16, .groups = 1, .state = 16});
}
TEST_F(CudaSsd, AllLengthsPacked) {
  expect_like_reference(kOddLengths);
  expect_like_reference(kOddLengths, {}, /*strided=*/false);
}
TEST_F(CudaSsd, OddShapes) {
  for (const Shape& shape : kShapes) expect_like_reference({5, 0, 70}, shape);
}
TEST_F(CudaSsd, NoToken) {
  expect_like_reference({});
  expect_like_reference({0, 0});
}

TEST_F(CudaSsd, LargeStepsStayFinite) {
  const Tensor offsets = offsets_of({100});
  Tensors inputs = draw_ssd(100, {});
  inputs[1].mul_(300);
  const auto op = [&](const Tensors& v) { return ssd(ssd_inputs(v, offsets)); };
  for (const Tensor& result : with_gradients(op, on_gpu(inputs))) {
    EXPECT_TRUE(result.isfinite().all().item<bool>());
  }
}

TEST_F(CudaSsd, GoesOnFromAState) {
  for (const Shape& shape : {Shape{}, Shape{6, 33, 2, 31}}) {
    const std::vector<int> lengths{70, 0, 41, 1};
    const Tensor offsets = offsets_of(lengths);
    const Tensors inputs = draw_ssd(112, shape);
    const auto zeros = [&] { return torch::zeros({4, shape.heads, shape.width, shape.state}); };
    Tensor expected_end = zeros().to(torch::kDouble);
    const Tensor expected = ssd_from(ssd_inputs(to(inputs, torch::kDouble), offsets), expected_end);
    Tensor end = zeros().to(device_);
    const Tensor y = ssd_from(ssd_inputs(on_gpu(inputs), offsets, /*strided=*/true), end);
    expect_relative({y, end}, {expected, expected_end}, kTolerance);
    // The same tokens again, behind themselves.
    const Tensor expected_again =
        ssd_from(ssd_inputs(to(inputs, torch::kDouble), offsets), expected_end);
    const Tensor again = ssd_from(ssd_inputs(on_gpu(inputs), offsets), end);
    expect_relative({again, end}, {expected_again, expected_end}, kTolerance);
  }
}

class CudaBidirectionalSsd : public CudaSsdTest {
 protected:
  void expect_like_reference(const std::vector<int>& lengths, const Shape& shape = {},
                             bool strided = true) const {
    SCOPED_TRACE(text(lengths, shape));
    const Tensor offsets = offsets_of(lengths);
    const Function op = [&](const Tensors& v) {
      return bidirectional_ssd(bidirectional_inputs(v, offsets, strided));
    };
    const Function reference = [&](const Tensors& v) {
      return bidirectional_ssd_reference(bidirectional_inputs(v, offsets));
    };
    const int64_t tokens = tokens_of(lengths);
    expect_like(tokens > 0 ? reference : op, op, draw_bidirectional(tokens, shape), kTolerance);
  }
};

TEST_F(CudaBidirectionalSsd, EveryLengthAlone) {
  for (const int length : kLengths) expect_like_reference({length});
}
TEST_F(CudaBidirectionalSsd, AThousandTokens) {
  expect_like_reference({1000}, {.heads = 2, .width = 16, .groups = 1, .state = 16});
}
TEST_F(CudaBidirectionalSsd, AllLengthsPacked) {
  expect_like_reference(kOddLengths);
  expect_like_reference(kOddLengths, {}, /*strided=*/false);
}
TEST_F(CudaBidirectionalSsd, OddShapes) {
  for (const Shape& shape : kShapes) expect_like_reference({5, 0, 70}, shape);
}
TEST_F(CudaBidirectionalSsd, NoToken) {
  expect_like_reference({});
  expect_like_reference({0, 0});
}

class CudaSsdLast : public CudaSsdTest {
 protected:
  void expect_like_reference(const std::vector<int>& lengths, const Shape& shape = {},
                             int64_t unread = 0) const {
    SCOPED_TRACE(text(lengths, shape) + " unread " + std::to_string(unread));
    const Tensor offsets = offsets_of(lengths);
    const Function op = [&](const Tensors& v) {
      return ssd_last(last_inputs(v, offsets, unread, /*strided=*/true));
    };
    const Function on_cpu = [&](const Tensors& v) {
      return ssd_last(last_inputs(v, offsets, unread));
    };
    expect_like(on_cpu, op, draw_last(tokens_of(lengths), std::ssize(lengths), shape), kTolerance);
  }
};

TEST_F(CudaSsdLast, EveryLengthAlone) {
  for (const int length : kLengths) expect_like_reference({length});
  expect_like_reference({1000});
}
TEST_F(CudaSsdLast, AllLengthsPacked) {
  for (const int64_t unread : {0, 1, 2}) expect_like_reference(kOddLengths, {}, unread);
}
TEST_F(CudaSsdLast, OddShapes) {
  for (const Shape& shape : kShapes) expect_like_reference({5, 0, 70}, shape);
}

TEST_F(CudaSsdLast, NoToken) {
  expect_like_reference({});
  expect_like_reference({0, 0});
}

}  // namespace cuda_ssd_test
}  // namespace seqsweep
