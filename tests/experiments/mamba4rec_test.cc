#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

const char* const kMamba = "mamba4rec";
const Json kSmallMamba{{"width", 8}, {"state", 4}};

// ---- against transformers' plain path (tests/golden/make_mamba.py,
// make_state_space_recommenders.py) ----

TEST(Mamba4Rec, MixerEqualsTheGoldenValues) {
  expect_golden_mixers(kMamba, read_golden("mamba")["cases"], torch::kFloat64, 1e-10);
  expect_golden_mixers(kMamba, read_golden("mamba")["cases"], torch::kFloat32, 1e-5);
}
TEST(Mamba4Rec, RecommenderEqualsTheGoldenValues) {
  expect_golden_recommender(kMamba, torch::kFloat64, 1e-10);
  expect_golden_recommender(kMamba, torch::kFloat32, 1e-5);
}

// ---- properties ----

TEST(Mamba4Rec, AUsersStatesDoNotDependOnTheBatch) {
  expect_independent_of_the_batch(*make_sequence_model(kMamba, kSmallMamba));
}

TEST(Mamba4Rec, TheLastStatesAloneAreTheSame) {
  Json settings = kSmallMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_last_states(*make_sequence_model(kMamba, settings));
  }
}

TEST(Mamba4Rec, TheStateCarriesOn) {
  Json settings = kSmallMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_state_carries_on(*make_sequence_model(kMamba, settings));
  }
}

TEST(Mamba4Rec, InferenceGivesTheSameStates) {
  Json settings = kSmallMamba;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    expect_inference_like_training(*make_sequence_model(kMamba, settings));
  }
}

TEST(Mamba4Rec, OverfitsOneBatch) {
  expect_overfits_one_batch(*make_sequence_model(kMamba, kSmallMamba));
}

// Mamba4Rec draws every linear layer anew, dt_proj among them, so that dt starts at softplus(0);
// not so A, D and the convolution.
TEST(Mamba4Rec, StartsAsThePublishedCodeDoes) {
  const auto model = make_sequence_model(kMamba, {{"state", 3}}, 500);
  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters["layer0.mixer.dt_proj.bias"].abs().max().item<float>(), 0);
  EXPECT_NEAR(parameters["layer0.mixer.in_proj.weight"].std().item<float>(), 0.02, 0.001);
  EXPECT_NEAR(parameters["items.weight"].std().item<float>(), 0.02, 0.001);
  EXPECT_TRUE(torch::allclose(parameters["layer0.mixer.A_log"][5].exp(),
                              torch::tensor({1.0F, 2.0F, 3.0F})));
  EXPECT_EQ(parameters["layer0.mixer.D"].min().item<float>(), 1);
  EXPECT_GT(parameters["layer0.mixer.conv1d.bias"].abs().max().item<float>(), 0.3);
}

// The paper's tables print 80k parameters beside the item table.
TEST(Mamba4Rec, HasThePublishedSize) {
  const auto model = make_sequence_model(kMamba, Json::object(), 100);
  int64_t all = 0;
  for (const auto& parameter : model->parameters()) all += parameter.numel();
  EXPECT_EQ(all - model->embedding_parameters(), 72'256);
}

}  // namespace
}  // namespace seqsweep
