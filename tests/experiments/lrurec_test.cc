#include "core/base/error.h"
#include "tests/support/mixer_model.h"
#include "tests/support/packed.h"

namespace seqsweep {
namespace {

const char* const kLru = "lrurec";
const Json kSmallLru{{"width", 8}};

// ---- against complex PyTorch, a step at a time (tests/golden/make_lrurec.py) ----

void expect_golden_lrurec(torch::ScalarType dtype, double tolerance) {
  const Json golden = read_golden("lrurec");
  for (const Json& one : golden["cases"]) {
    Json settings = golden["config"];
    settings["layers"] = one["layers"];
    settings["dropout"] = 0;
    const auto model = make_sequence_model(kLru, settings, golden["items"]);
    model->to(dtype);
    set_parameters(*model, one["parameters"]);
    Histories inputs = golden["sequences"];
    std::vector<int64_t> targets;
    for (auto& items : inputs) {
      targets.insert(targets.end(), items.begin() + 1, items.end());
      items.pop_back();
    }
    const torch::Tensor hidden = model->encode(pack_all(inputs));
    EXPECT_LT(relative_difference(hidden, one["hidden"]), tolerance);
    const torch::Tensor loss = linear_cross_entropy(hidden, model->item_embedding(),
                                                    model->item_bias(), torch::tensor(targets));
    EXPECT_NEAR(loss.item<double>() / one["loss"].get<double>(), 1, tolerance);
    loss.backward();
    for (const auto& entry : model->named_parameters()) {
      EXPECT_LT(relative_difference(entry.value().grad(), one["gradients"][entry.key()]), tolerance)
          << entry.key() << ", layers " << one["layers"];
    }
  }
}

TEST(LRURec, EqualsComplexPyTorchInFloat64) {
  expect_golden_lrurec(torch::kFloat64, 1e-10);
}
TEST(LRURec, EqualsComplexPyTorchInFloat32) {
  expect_golden_lrurec(torch::kFloat32, 2e-5);
}
TEST(LRURec, GoldenIsRemade) {
  expect_golden_is_remade("lrurec");
}

// ---- properties ----

TEST(LRURec, AUsersStatesDoNotDependOnTheBatch) {
  expect_independent_of_the_batch(*make_sequence_model(kLru, kSmallLru));
}

TEST(LRURec, LastStatesInferenceAndCarriedStatesAreTheSame) {
  Json settings = kSmallLru;
  for (const int layers : {1, 2}) {
    settings["layers"] = layers;
    const auto model = make_sequence_model(kLru, settings);
    expect_last_states(*model);
    expect_inference_like_training(*model);
    expect_state_carries_on(*model);
  }
}

TEST(LRURec, OverfitsOneBatch) {
  expect_overfits_one_batch(*make_sequence_model(kLru, kSmallLru));
}

TEST(LRURec, StartsAsThePublishedCodeDoes) {
  const auto model = make_sequence_model(kLru, Json::object(), 500);
  const auto parameters = model->named_parameters();
  for (const auto& entry : parameters) {
    const std::string& name = entry.key();
    if (name.find("norm.") != std::string::npos || name.ends_with("params_log")) continue;
    EXPECT_LE(entry.value().abs().max().item<double>(), 0.04) << name;
    // Of a normal distribution cut at two deviations.
    if (entry.value().numel() < 400) continue;
    EXPECT_NEAR(entry.value().std().item<double>(), 0.02 * 0.8796, 0.0015) << name;
  }
  const torch::Tensor logs = parameters["layer1.mixer.params_log"].detach().to(torch::kFloat64);
  const torch::Tensor radius = (-logs[0].exp()).exp(), theta = logs[1].exp();
  EXPECT_EQ(radius.numel(), 128);
  EXPECT_GE(radius.min().item<double>(), 0.8 - 1e-6);
  EXPECT_LE(radius.max().item<double>(), 0.99 + 1e-6);
  EXPECT_NEAR(radius.square().mean().item<double>(), (0.8 * 0.8 + 0.99 * 0.99) / 2, 0.03);
  EXPECT_NEAR(theta.mean().item<double>(), 3.14, 0.6);
  expect_close({logs[2].exp()}, {(1 - radius.square()).sqrt()}, 1e-5);
}

TEST(LRURec, CountsTheItemBiasWithTheTable) {
  const auto model = make_sequence_model(kLru, Json::object(), 100);
  int64_t all = 0;
  for (const auto& parameter : model->parameters()) all += parameter.numel();
  EXPECT_EQ(model->embedding_parameters(), 100 * 65);
  const int64_t mixer = 64 * 256 + 256 + 256 * 64 + 64 + 3 * 128;
  const int64_t ffn = 64 * 256 + 256 + 256 * 64 + 64 + 2 * 64;
  EXPECT_EQ(all - model->embedding_parameters(), 2 * (mixer + ffn + 2 * 64) + 2 * 64);
}

TEST(LRURec, RefusesAnEmptyRing) {
  expect_error(
      [] {
        make_sequence_model(kLru, {{"min_radius", 0.9}, {"max_radius", 0.5}});
      },
      {"min_radius is 0.9, max_radius is 0.5"});
}

}  // namespace
}  // namespace seqsweep
