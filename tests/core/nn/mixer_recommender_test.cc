#include "core/nn/mixer_recommender.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/mixer_model.h"

namespace seqsweep {
namespace {

using torch::Tensor;

// Doubles each token: the recommender around it is what is tested.
class Double : public Mixer {
 public:
  Tensor forward(const Tensor& x_TD, const PackedSequences&) override { return 2 * x_TD; }
  bool causal() const override { return true; }
};

std::shared_ptr<MixerRecommender> make(int64_t layers) {
  const MixerRecommenderConfig config{.width = 8, .layers = layers, .dropout = 0.5};
  std::vector<std::shared_ptr<Mixer>> mixers;
  for (int64_t i = 0; i < layers; ++i) mixers.push_back(std::make_shared<Double>());
  torch::manual_seed(1);
  return std::make_shared<MixerRecommender>(config, MixerRecommenderStyle{}, 10, std::move(mixers));
}

// The recommender written out, for one or more layers.
Tensor by_hand(MixerRecommender& model, const Tensor& items_T, int layers) {
  const auto parameters = model.named_parameters();
  const auto norm = [&](const Tensor& x, const std::string& name) {
    return torch::layer_norm(x, {8}, parameters[name + ".weight"], parameters[name + ".bias"],
                             1e-12);
  };
  const auto linear = [&](const Tensor& x, const std::string& name) {
    return torch::linear(x, parameters[name + ".weight"], parameters[name + ".bias"]);
  };
  Tensor x = norm(parameters["items.weight"].index_select(0, items_T), "norm");
  for (int i = 0; i < layers; ++i) {
    const std::string layer = fmt::format("layer{}", i);
    const Tensor mixed = layers > 1 ? 2 * x + x : 2 * x;  // One layer has no residual.
    const Tensor y = norm(mixed, layer + ".norm");
    x = norm(linear(torch::gelu(linear(y, layer + ".ffn.up")), layer + ".ffn.down") + y,
             layer + ".ffn.norm");
  }
  return x;
}

TEST(MixerRecommender, IsWhatMamba4RecPutsAroundItsMixer) {
  for (const int layers : {1, 2}) {
    const auto model = make(layers);
    model->eval();
    const PackedSequences packed = pack_all(kMixedHistories);
    EXPECT_TRUE(torch::allclose(model->encode(packed), by_hand(*model, packed.items_T, layers),
                                1e-5, 1e-6));
  }
}

TEST(MixerRecommender, DropoutFollowsTheSeedAndOnlyTrains) {
  const auto model = make(1);
  const PackedSequences packed = pack_all(kMixedHistories);
  const auto train_with = [&](uint64_t seed) {
    torch::manual_seed(seed);
    return model->encode(packed);
  };
  EXPECT_TRUE(torch::equal(train_with(1), train_with(1)));
  EXPECT_FALSE(torch::equal(train_with(1), train_with(2)));
  model->eval();
  EXPECT_TRUE(torch::equal(train_with(1), train_with(2)));
}

TEST(MixerRecommender, AMixerWithoutAStateIsNotRecurrent) {
  const auto model = make(2);
  EXPECT_FALSE(model->recurrent());
  EXPECT_THROW(model->begin(1), Error);
}

}  // namespace
}  // namespace seqsweep
