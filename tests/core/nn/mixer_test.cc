#include "core/nn/mixer.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

class Identity : public Mixer {
 public:
  torch::Tensor forward(const torch::Tensor& x_TD, const PackedSequences&) override { return x_TD; }
  bool causal() const override { return true; }
};

TEST(Mixer, ReadsTheLastTokensFromTheWhole) {
  Identity mixer;
  const PackedSequences packed = pack_all({{1, 2}, {3}});
  const torch::Tensor x = torch::randn({3, 4});
  EXPECT_TRUE(
      torch::equal(mixer.forward_last(x, packed), x.index_select(0, torch::tensor({1, 2}))));
}

TEST(Mixer, WithoutAStateSaysSo) {
  Identity mixer;
  SequenceState state;
  EXPECT_THROW(mixer.begin(1), Error);
  EXPECT_THROW(mixer.advance(torch::randn({1, 4}), pack_all({{1}}), state), Error);
}

}  // namespace
}  // namespace seqsweep
