// A model outside seqsweep's tree. A user is a mean of the items, each weighing `fade` times as
// much as the one after it.  T items of a packed batch, D width, V items of the catalogue.
#include <torch/nn/modules/embedding.h>

#include <algorithm>

#include "core/train/model.h"

namespace {

namespace nn = torch::nn;
using seqsweep::PackedSequences;
using torch::Tensor;

struct FadingConfig {
  int64_t width = 64;
  double fade = 0.8;

  void fields(auto&& field) {
    field("width", width, "numbers in an item's embedding", seqsweep::at_least(1));
    field("fade", fade, "weight of an item, of that of the next one",
          seqsweep::between_below(0, 1));
  }
};

class Fading : public seqsweep::SequenceModel {
 public:
  Fading(const FadingConfig& config, int64_t items)
      : fade_(config.fade), items_(register_module("items", nn::Embedding(items, config.width))) {
    torch::NoGradGuard no_grad;
    items_->weight.normal_(0, 0.1);
  }

  // A position t has sum_s fade^(t-s) x_s over what precedes it, over the sum of the weights.
  Tensor encode(const PackedSequences& sequences) override {
    const Tensor x_TD = items_(sequences.items_T);
    const Tensor t = sequences.positions_T.to(x_TD.dtype());
    std::vector<Tensor> rows;
    for (size_t s = 0; s + 1 < sequences.host_offsets.size(); ++s) {
      const int64_t begin = sequences.host_offsets[s], end = sequences.host_offsets[s + 1];
      if (begin == end) continue;
      const Tensor at = t.slice(0, begin, end);
      const Tensor weight = torch::pow(fade_, (at.unsqueeze(1) - at).clamp_min(0)).tril();
      rows.push_back((weight / weight.sum(1, true)).mm(x_TD.slice(0, begin, end)));
    }
    return torch::cat(rows);
  }
  Tensor item_embedding() override { return items_->weight; }
  int64_t embedding_parameters() const override { return items_->weight.numel(); }

 private:
  double fade_;
  nn::Embedding items_;
};

std::shared_ptr<nn::Module> make(const FadingConfig& config,
                                 const seqsweep::ModelContext& context) {
  return std::make_shared<Fading>(config, context.data.items());
}

const seqsweep::RegisterModel<FadingConfig> kFading{
    "fading", "a mean of the items, the older the less", "next_item", make};

}  // namespace
