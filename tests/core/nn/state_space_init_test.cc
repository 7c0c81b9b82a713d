#include "core/nn/state_space_init.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(StateSpaceInit, TimeStepsAreLogUniform) {
  torch::manual_seed(1);
  const torch::Tensor log_dt = torch::softplus(draw_dt_bias(20'000).to(torch::kDouble)).log();
  EXPECT_NEAR(log_dt.min().item<double>(), std::log(0.001), 0.01);
  EXPECT_NEAR(log_dt.max().item<double>(), std::log(0.1), 0.01);
  EXPECT_NEAR(log_dt.mean().item<double>(), std::log(0.01), 0.03);
}

}  // namespace
}  // namespace seqsweep
