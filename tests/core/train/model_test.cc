#include "core/train/model.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/train/packing.h"

namespace seqsweep {
namespace {

class Positions : public SequenceModel {
 public:
  torch::Tensor encode(const PackedSequences& sequences) override {
    return sequences.positions_T.to(torch::kFloat).unsqueeze(1);
  }
  torch::Tensor item_embedding() override { return torch::zeros({4, 1}); }
  int64_t embedding_parameters() const override { return 0; }
};

TEST(SequenceModel, TheLastStatesAreThoseOfTheLastItems) {
  Positions model;
  const std::vector<int32_t> a{1, 2, 3}, b{0};
  const std::vector<History> histories{a, b};
  const torch::Tensor last = model.encode_last(pack(histories, 8, torch::kCPU));
  EXPECT_TRUE(torch::equal(last, torch::tensor({{2.0F}, {0.0F}})));
}

TEST(SequenceModel, WithoutAStateSaysSo) {
  Positions model;
  SequenceState state;
  EXPECT_FALSE(model.recurrent());
  EXPECT_THROW(model.begin(1), Error);
  EXPECT_THROW(model.advance({}, state), Error);
}

}  // namespace
}  // namespace seqsweep
