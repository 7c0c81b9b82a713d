#include "core/base/error.h"
#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

const char* const kTwoMamba = "2mamba4rec";
const Json kSmallTwoMamba{{"width", 8}, {"state", 4}, {"head_width", 4}};

// ---- against transformers' plain path (tests/golden/make_mamba2.py,
// make_state_space_recommenders.py) ----

TEST(TwoMamba4Rec, MixerEqualsTheGoldenValues) {
  expect_golden_mixers(kTwoMamba, read_golden("mamba2")["cases"], torch::kFloat64, 1e-10);
  expect_golden_mixers(kTwoMamba, read_golden("mamba2")["cases"], torch::kFloat32, 1e-5);
}
TEST(TwoMamba4Rec, RecommenderEqualsTheGoldenValues) {
  expect_golden_recommender(kTwoMamba, torch::kFloat64, 1e-10);
  expect_golden_recommender(kTwoMamba, torch::kFloat32, 1e-5);
}

// ---- properties ----

TEST(TwoMamba4Rec, AUsersStatesDoNotDependOnTheBatch) {
  expect_independent_of_the_batch(*make_sequence_model(kTwoMamba, kSmallTwoMamba));
}

TEST(TwoMamba4Rec, TheLastStatesAloneAreTheSame) {
  Json settings = kSmallTwoMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_last_states(*make_sequence_model(kTwoMamba, settings));
  }
}

TEST(TwoMamba4Rec, TheStateCarriesOn) {
  Json settings = kSmallTwoMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_state_carries_on(*make_sequence_model(kTwoMamba, settings));
  }
}

TEST(TwoMamba4Rec, InferenceGivesTheSameStates) {
  Json settings = kSmallTwoMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_inference_like_training(*make_sequence_model(kTwoMamba, settings));
  }
}

TEST(TwoMamba4Rec, OverfitsOneBatch) {
  expect_overfits_one_batch(*make_sequence_model(kTwoMamba, kSmallTwoMamba));
}

// A from U(1, 16) and dt between 0.001 and 0.1 for each head; linear layers from N(0, 0.02).
TEST(TwoMamba4Rec, StartsAsThePublishedCodeDoes) {
  const auto model = make_sequence_model(kTwoMamba, {{"width", 64}, {"head_width", 2}}, 500);
  const auto parameters = model->named_parameters();
  const torch::Tensor A = parameters["layer0.mixer.A_log"].exp();
  EXPECT_GE(A.min().item<float>(), 1);
  EXPECT_LE(A.max().item<float>(), 16.001F);
  EXPECT_GT(A.std().item<float>(), 2);
  const torch::Tensor dt = parameters["layer0.mixer.dt_bias"].exp().log1p();
  EXPECT_GT(dt.min().item<float>(), 0.0009F);
  EXPECT_LT(dt.max().item<float>(), 0.1001F);
  EXPECT_NEAR(parameters["layer0.mixer.in_proj.weight"].std().item<float>(), 0.02, 0.001);
}

TEST(TwoMamba4Rec, RefusesHeadsThatDoNotFit) {
  EXPECT_THROW(make_sequence_model(kTwoMamba, {{"width", 8}, {"head_width", 3}}), Error);
  EXPECT_THROW(make_sequence_model(kTwoMamba, {{"width", 8}, {"head_width", 4}, {"groups", 3}}),
               Error);
}

}  // namespace
}  // namespace seqsweep
