#include "core/base/error.h"
#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

const char* const kHydra = "hydra4rec";
const Json kSmallHydra{{"width", 8}, {"state", 4}, {"head_width", 4}};

// ---- against the quasiseparable matrix, entry by entry (tests/golden/make_hydra.py) ----

TEST(Hydra4Rec, MixerEqualsTheGoldenValues) {
  expect_golden_mixers(kHydra, read_golden("hydra")["mixers"], torch::kFloat64, 1e-10);
  expect_golden_mixers(kHydra, read_golden("hydra")["mixers"], torch::kFloat32, 1e-5);
}
TEST(Hydra4Rec, RecommenderEqualsTheGoldenValues) {
  expect_golden_recommender(kHydra, torch::kFloat64, 1e-10);
  expect_golden_recommender(kHydra, torch::kFloat32, 1e-5);
}

// ---- properties ----

TEST(Hydra4Rec, AUsersStatesDoNotDependOnTheBatch) {
  expect_independent_of_the_batch(*make_sequence_model(kHydra, kSmallHydra));
}

TEST(Hydra4Rec, TheLastStatesAloneAreTheSame) {
  Json settings = kSmallHydra;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_last_states(*make_sequence_model(kHydra, settings));
  }
}

TEST(Hydra4Rec, InferenceGivesTheSameStates) {
  Json settings = kSmallHydra;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_inference_like_training(*make_sequence_model(kHydra, settings));
  }
}

TEST(Hydra4Rec, OverfitsOneBatch) {
  expect_overfits_one_batch(*make_sequence_model(kHydra, kSmallHydra));
}

TEST(Hydra4Rec, SeesBothWays) {
  const auto model = make_sequence_model(kHydra, kSmallHydra);
  EXPECT_FALSE(model->causal());
  EXPECT_FALSE(model->recurrent());
  model->eval();
  const torch::Tensor before = model->encode(pack_all({{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}}));
  const torch::Tensor after = model->encode(pack_all({{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 9}}));
  EXPECT_FALSE(torch::equal(before[0], after[0]));  // Through the scan: the convolution sees 3 on.
}

TEST(Hydra4Rec, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make_sequence_model(kHydra, {{"width", 8}, {"head_width", 3}}), Error);
  EXPECT_THROW(make_sequence_model(kHydra, {{"width", 8}, {"head_width", 4}, {"conv", 4}}), Error);
}

}  // namespace
}  // namespace seqsweep
