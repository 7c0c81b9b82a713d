#include "core/nn/mamba2_mixer.h"

#include <gtest/gtest.h>

#include "tests/support/mixer_model.h"

// Its numbers are compared with golden ones in tests/experiments/2mamba4rec_test.cc.
namespace seqsweep {
namespace {

using torch::Tensor;

Mamba2Mixer make_mamba2_mixer() {
  torch::manual_seed(1);
  return Mamba2Mixer(small_ssd_config());
}

TEST(Mamba2Mixer, TheLastTokensAloneAreTheSameWithAndWithoutGradient) {
  Mamba2Mixer mixer = make_mamba2_mixer();
  const PackedSequences packed = pack_all(kMixedHistories);
  const Tensor x_TD = torch::randn({packed.items_T.numel(), 8}), last_S = last_tokens(packed);
  const Tensor whole_SD = mixer.forward(x_TD, packed).index_select(0, last_S);
  EXPECT_TRUE(torch::allclose(mixer.forward_last(x_TD, packed), whole_SD, 1e-5, 1e-6));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(mixer.forward_last(x_TD, packed), whole_SD, 1e-5, 1e-6));
}

TEST(Mamba2Mixer, TokensOneAtATimeLeadWhereTheWholeLeads) {
  const torch::NoGradGuard no_grad;
  Mamba2Mixer mixer = make_mamba2_mixer();
  const Tensor x_TD = torch::randn({9, 8});
  const Tensor whole_TD = mixer.forward(x_TD, pack_all({std::vector<int32_t>(9)}));
  SequenceState state = mixer.begin(1);
  for (int64_t t = 0; t < 9; ++t) {
    const Tensor y_1D = mixer.advance(x_TD.narrow(0, t, 1), pack_all({{0}}), state);
    EXPECT_TRUE(torch::allclose(y_1D[0], whole_TD[t], 1e-5, 1e-6)) << t;
  }
}

}  // namespace
}  // namespace seqsweep
