// The chunks are ours to choose: results must not depend on them.
#include "kernels/ssd_cpu.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/packed.h"

namespace seqsweep {
namespace ssd_cpu_test {

using torch::Tensor;

// Both directions, `delay` steps between walking and reading.
SsdPass make_pass(int64_t tokens, int64_t delay) {
  torch::manual_seed(8);
  const auto rows = [&](at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); };
  SsdPass pass{rows({tokens, 4, 6}), -rows({4}).exp(), rows({4}), rows({tokens, 4}),
               offsets_of({70, 0, 1, static_cast<int>(tokens) - 71})};
  for (const int64_t step : {1, -1}) {
    pass.directions.push_back(
        {rows({tokens, 4}) - 2, rows({tokens, 2, 5}), rows({tokens, 2, 5}), step, delay});
  }
  return pass;
}

Tensors backward(const SsdPass& pass, int64_t chunk) {
  const Tensor d_y = torch::sin(torch::arange(pass.x_THP.numel(), torch::kDouble));
  const SsdGradients d = ssd_backward_cpu(pass, d_y.view(pass.x_THP.sizes()), chunk);
  Tensors all{d.x_THP, d.A_H, d.dt_bias_H, d.skip_TH};
  for (const SsdDirection& direction : d.directions) {
    all.insert(all.end(), {direction.dt_TH, direction.B_TGN, direction.C_TGN});
  }
  return all;
}

TEST(SsdCpu, TheChunkDoesNotMatter) {
  for (const int64_t delay : {0, 1}) {
    const SsdPass pass = make_pass(170, delay);
    const Tensor y = ssd_forward_cpu(pass, Tensor(), 1);
    const Tensors gradients = backward(pass, 1);
    for (const int64_t chunk : {2, 7, 16, 33, 64, 100, 1000}) {
      expect_close({ssd_forward_cpu(pass, Tensor(), chunk)}, {y}, 1e-12);
      expect_close(backward(pass, chunk), gradients, 1e-11);
    }
  }
}

TEST(SsdCpu, TheNumberOfThreadsDoesNotChangeABit) {
  const SsdPass pass = make_pass(3000, 1);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor y = ssd_forward_cpu(pass, Tensor());
  const Tensors gradients = backward(pass, kSsdChunk);
  at::set_num_threads(3);
  expect_same_bits({ssd_forward_cpu(pass, Tensor())}, {y});
  const Tensors again = backward(pass, kSsdChunk);
  at::set_num_threads(threads);
  // dt_bias, the third, is a sum over all tokens, which ATen cuts by threads.
  expect_close({again[2]}, {gradients[2]}, 1e-12);
  Tensors others = again, expected = gradients;
  others.erase(others.begin() + 2);
  expected.erase(expected.begin() + 2);
  expect_same_bits(others, expected);
}

}  // namespace ssd_cpu_test
}  // namespace seqsweep
