// Scores every item by how often the training split has it, for every user alike: the floor that a
// recommender must beat.
#include <torch/nn/module.h>
#include <torch/types.h>

#include "core/train/model.h"

namespace seqsweep {
namespace {

struct PopularityConfig {
  void fields(auto&&) {}
};

class Popularity : public FittedModel {
 public:
  explicit Popularity(const ModelContext& context)
      : counts_V_(register_buffer(
            "counts", torch::zeros({context.data.items()}, torch::kFloat).to(context.device))) {}

  bool fit(const Dataset& data, const GoOn&) override {
    const torch::Tensor counts_V = torch::zeros({data.items()}, torch::kFloat);
    float* count = counts_V.data_ptr<float>();
    for (int64_t user = 0; user < data.users(); ++user) {
      for (const int32_t item : data.history(user, Split::Train)) count[item] += 1;
    }
    counts_V_.copy_(counts_V);
    return true;
  }

  torch::Tensor scores(std::span<const History> histories) override {
    return counts_V_.expand({static_cast<int64_t>(histories.size()), -1});
  }

 private:
  torch::Tensor counts_V_;  // Exact up to 2^24 interactions with one item.
};

std::shared_ptr<torch::nn::Module> make(const PopularityConfig&, const ModelContext& context) {
  return std::make_shared<Popularity>(context);
}

const RegisterModel<PopularityConfig> kPopularity{
    "popularity", "items by their number of training interactions", "fit", make};

}  // namespace
}  // namespace seqsweep
