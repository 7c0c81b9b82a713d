#include "kernels/seeded_dropout.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <bit>

#include "kernels/counter_random.h"
#include "tests/support/gradcheck.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace seeded_dropout_test {

using torch::Tensor;

TEST(Dropout, KeepsTheExpectedShareAndTheMean) {
  const Tensor out = seeded_dropout(torch::ones({1 << 20}), 0.2, 1);
  EXPECT_NEAR(out.mean().item<double>(), 1.0, 0.002);  // Four standard deviations.
  const Tensor kept = out.masked_select(out != 0);
  EXPECT_TRUE(torch::equal(kept, torch::full_like(kept, 1.25F)));
}

TEST(Dropout, NeighboursAndBlocksAreIndependent) {
  const Tensor kept =
      seeded_dropout(torch::ones({64, 1 << 14}), 0.5, 3).sign() * 2 - 1;  // -1 or 1.
  for (const Tensor& pairs : {kept.narrow(1, 0, (1 << 14) - 1) * kept.narrow(1, 1, (1 << 14) - 1),
                              kept.narrow(0, 0, 63) * kept.narrow(0, 1, 63)}) {
    EXPECT_NEAR(pairs.mean().item<double>(), 0, 0.004);
  }
  const Tensor other = seeded_dropout(torch::ones({64, 1 << 14}), 0.5, 4).sign() * 2 - 1;
  EXPECT_NEAR((kept * other).mean().item<double>(), 0, 0.004);
}

TEST(Dropout, ZeroProbabilityChangesNothing) {
  const Tensor x = torch::randn({10});
  EXPECT_TRUE(torch::equal(seeded_dropout(x, 0, 1), x));
}

TEST(Dropout, TheBackwardDropsTheSame) {
  expect_gradients(
      [](const std::vector<Tensor>& in) { return seeded_dropout(in[0] * in[0], 0.4, 9); },
      {torch::randn({6, 5}, torch::kDouble)});
}

class DropoutGpu : public GpuTest {};

TEST_F(DropoutGpu, MakesTheBitsOfTheCpu) {
  for (const int64_t rows : {0, 1, 100, 1000}) {
    const Tensor x = torch::randn({rows, 67});
    const auto value_and_gradient = [&](const Tensor& leaf) {
      const Tensor in = leaf.detach().requires_grad_();
      const Tensor out = seeded_dropout(in, 0.3, 0x1234567890abcdefULL);
      (out * out).sum().backward();
      return Tensors{out.detach().cpu(), in.grad().cpu()};
    };
    const Tensors ours = value_and_gradient(x.to(device_)), cpus = value_and_gradient(x);
    EXPECT_TRUE(torch::equal(ours[0], cpus[0])) << rows;
    EXPECT_TRUE(torch::equal(ours[1], cpus[1])) << rows;
  }
}

TEST(Dropout, SeedsComeFromTorchsGenerator) {
  torch::manual_seed(5);
  const uint64_t first = draw_seed(), second = draw_seed();
  torch::manual_seed(5);
  EXPECT_EQ(draw_seed(), first);
  EXPECT_NE(first, second);
}

TEST(CounterRandom, AFlippedInputBitFlipsHalfOfTheOutputBits) {
  int64_t flips = 0, pairs = 0;
  for (uint32_t counter = 0; counter < 200; ++counter) {
    for (int bit = 0; bit < 32; ++bit) {
      const RandomKey key = random_key(0x9e3779b97f4a7c15ULL * (counter + 1));
      const uint32_t bits = random_bits(key, counter);
      flips += std::popcount(bits ^ random_bits(key, counter ^ (1U << bit)));
      flips += std::popcount(bits ^ random_bits({key.low ^ (1U << bit), key.high}, counter));
      pairs += 2;
    }
  }
  EXPECT_NEAR(static_cast<double>(flips) / static_cast<double>(pairs), 16, 0.5);
}

}  // namespace seeded_dropout_test
}  // namespace seqsweep
