// The values that the state-space kernels, mixers and recommenders are compared with are what their
// scripts make. Those with transformers need version 5.23.0 (tests/golden/README.md).
#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace seqsweep {
namespace {

TEST(StateSpaceGolden, OperatorsAreRemade) {
  expect_golden_is_remade("state_space_operators");
}
TEST(StateSpaceGolden, HydraIsRemade) {
  expect_golden_is_remade("hydra");
}
TEST(StateSpaceGolden, MambaIsRemade) {
  expect_golden_is_remade("mamba", "torch, transformers");
}
TEST(StateSpaceGolden, Mamba2IsRemade) {
  expect_golden_is_remade("mamba2", "torch, transformers");
}
TEST(StateSpaceGolden, RecommendersAreRemade) {
  expect_golden_is_remade("state_space_recommenders", "torch, transformers");
}

}  // namespace
}  // namespace seqsweep
