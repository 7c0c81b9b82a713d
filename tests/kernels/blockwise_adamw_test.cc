#include "kernels/blockwise_adamw.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "tests/support/golden.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace blockwise_adamw_test {

using torch::Tensor;

BlockwiseAdamW new_blockwise(const Tensor& values) {
  const int64_t size = values.numel(), blocks = (size + kStateBlock - 1) / kStateBlock;
  return {.values = values.clone(),
          .gradients = torch::zeros({size}),
          .mean_codes = torch::zeros({size}, torch::kByte),
          .square_codes = torch::zeros({size}, torch::kByte),
          .mean_scales = torch::zeros({blocks}),
          .square_scales = torch::zeros({blocks}),
          .codebooks = state_codebooks(torch::kCPU)};
}

void expect_codes(const Tensor& ours, const nlohmann::json& expected) {
  const Tensor difference = (ours.to(torch::kDouble) - to_tensor(expected)).abs();
  EXPECT_LE(difference.max().item<double>(),
            1);  // A number between two codes may round either way.
  EXPECT_LE((difference > 0).sum().item<int64_t>(), 3);
}

// tests/golden/make_paged_adamw.py
TEST(BlockwiseAdamW, HasTheCodebooksOfBitsandbytes) {
  const Tensor golden = to_tensor(read_golden("paged_adamw")["codebooks"]);
  const Tensor ours = state_codebooks(torch::kCPU);
  EXPECT_TRUE(torch::allclose(ours.to(torch::kDouble), golden, 1e-6, 1e-12));
  EXPECT_TRUE((ours.diff(1, 1) > 0).all().item<bool>());
}

TEST(BlockwiseAdamW, FollowsTheGoldenSteps) {
  const auto golden = read_golden("paged_adamw");
  const auto& given = golden["settings"];
  BlockwiseAdamW tensors = new_blockwise(to_tensor(golden["start"]).to(torch::kFloat));
  for (size_t i = 0; i < golden["gradients"].size(); ++i) {
    tensors.gradients = to_tensor(golden["gradients"][i]).to(torch::kFloat);
    blockwise_adamw_step(tensors, {.lr = given["lr"],
                                   .beta1 = given["beta1"],
                                   .beta2 = given["beta2"],
                                   .eps = given["eps"],
                                   .weight_decay = given["weight_decay"],
                                   .step = static_cast<int64_t>(i) + 1});
    expect_close({tensors.values}, {to_tensor(golden["path"][i])}, i == 0 ? 1e-6 : 1e-4);
  }
  expect_codes(tensors.mean_codes, golden["mean_codes"]);
  expect_codes(tensors.square_codes, golden["square_codes"]);
  expect_close({tensors.mean_scales, tensors.square_scales},
               {to_tensor(golden["mean_scales"]), to_tensor(golden["square_scales"])}, 1e-5);
}

TEST(BlockwiseAdamW, GoldenIsRemade) {
  expect_golden_is_remade("paged_adamw", "numpy");
}

// One step from zero tells how a mean of 0.1 g and a mean square are rounded.
TEST(BlockwiseAdamW, RoundsToTheNearestCode) {
  const Tensor gradients = torch::linspace(-1, 1, 256) * torch::linspace(0.001, 1, 256);
  BlockwiseAdamW tensors = new_blockwise(torch::zeros({256}));
  tensors.gradients = gradients;
  blockwise_adamw_step(tensors, {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.5, .eps = 1e-8, .step = 1});
  const auto expect_nearest = [](const Tensor& numbers, const Tensor& codes, const Tensor& scale,
                                 const Tensor& codebook) {
    const Tensor scaled = (numbers / scale).unsqueeze(1);
    const Tensor distances = (scaled - codebook).abs();
    const Tensor ours = distances.gather(1, codes.to(torch::kLong).unsqueeze(1)).squeeze(1);
    EXPECT_TRUE(torch::allclose(ours, std::get<0>(distances.min(1)), 0, 1e-7));
  };
  expect_nearest(0.5 * gradients, tensors.mean_codes, tensors.mean_scales[0], tensors.codebooks[0]);
  expect_nearest(0.5 * gradients.square(), tensors.square_codes, tensors.square_scales[0],
                 tensors.codebooks[1]);
}

TEST(BlockwiseAdamW, DependsNeitherOnThreadsNorOnOtherBlocks) {
  torch::manual_seed(1);
  const int64_t size = 40 * kStateBlock + 17;
  const Tensor start = torch::randn({size}), gradients = torch::randn({size});
  const AdamWRule rule{.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .step = 1};
  BlockwiseAdamW whole = new_blockwise(start), last = new_blockwise(start.narrow(0, 256, 256));
  whole.gradients = gradients;
  last.gradients = gradients.narrow(0, 256, 256);
  const int threads = at::get_num_threads();
  for (int step = 0; step < 3; ++step) {
    at::set_num_threads(step + 1);
    blockwise_adamw_step(whole, rule);
    blockwise_adamw_step(last, rule);
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(whole.values.narrow(0, 256, 256), last.values));
  EXPECT_TRUE(torch::equal(whole.mean_codes.narrow(0, 256, 256), last.mean_codes));
  EXPECT_TRUE(torch::equal(whole.square_codes.narrow(0, 256, 256), last.square_codes));
}

TEST(BlockwiseAdamW, PassesNotANumberOnAndTakesZeros) {
  BlockwiseAdamW tensors = new_blockwise(torch::ones({300}));
  const AdamWRule rule{.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .step = 1};
  blockwise_adamw_step(tensors, rule);
  EXPECT_TRUE(torch::equal(tensors.values, torch::ones({300})));
  tensors.gradients[7] = std::nanf("");
  blockwise_adamw_step(tensors, rule);
  EXPECT_TRUE(tensors.values[7].isnan().item<bool>());
  EXPECT_FALSE(tensors.values[8].isnan().item<bool>());
}

TEST(BlockwiseAdamW, RefusesWhatDoesNotFit) {
  const auto refused = [](const auto& change, const std::string& name) {
    BlockwiseAdamW tensors = new_blockwise(torch::ones({300}));
    change(tensors);
    expect_error([&] { blockwise_adamw_step(tensors, {}); }, {"blockwise_adamw", name});
  };
  refused([](auto& t) { t.gradients = torch::zeros({299}); }, "gradients must have shape [300]");
  refused([](auto& t) { t.mean_codes = torch::zeros({300}); }, "mean_codes must be Byte");
  refused([](auto& t) { t.square_scales = torch::zeros({1}); }, "square_scales");
  refused([](auto& t) { t.values = t.values.to(torch::kDouble); }, "values must be Float");
}

}  // namespace blockwise_adamw_test
}  // namespace seqsweep
