// For models that are fitted to the data in their own way: there is nothing to train by gradients,
// and evaluation, latency and recommendation are those of any other model.
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/base/error.h"
#include "core/train/model.h"
#include "core/train/score_ranking.h"

namespace seqsweep {
namespace {

struct FitConfig {
  void fields(auto&&) {}
};

class FitTask : public Task {
 public:
  FitTask(std::shared_ptr<FittedModel> model, const TaskContext& context)
      : model_(std::move(model)), data_(context.data), go_on_(context.go_on) {}

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->embedding_parameters(); }
  int64_t begin_epoch(int64_t) override {
    const torch::NoGradGuard no_grad;
    if (!fitted_) fitted_ = model_->fit(*data_, go_on_);
    return 0;
  }
  LossSum loss(std::span<const int64_t>, uint64_t) override {
    throw_run(
        "objective fit: the model has no loss; it is fitted where others begin their first epoch");
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    std::vector<History> histories;
    std::vector<int32_t> targets;
    for (const int64_t user : users) {
      histories.push_back(data_->history(user, split));
      targets.push_back(data_->target(user, split));
    }
    const torch::NoGradGuard no_grad;
    return rank_targets(model_->scores(histories), targets);
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    const torch::NoGradGuard no_grad;
    return top_items(model_->scores(histories), count,
                     seen == Seen::LeftOut ? histories : std::span<const History>());
  }

  std::vector<int32_t> worst(std::span<const History> histories, std::span<const History> barred,
                             std::span<const char> allowed) override {
    const torch::NoGradGuard no_grad;
    return worst_items(model_->scores(histories), histories, barred, allowed);
  }

 private:
  std::shared_ptr<FittedModel> model_;
  std::shared_ptr<const Dataset> data_;
  GoOn go_on_;
  bool fitted_ = false;
};

std::unique_ptr<Task> make(const FitConfig&, const TaskContext& context) {
  auto model = std::dynamic_pointer_cast<FittedModel>(context.model);
  if (!model) {
    throw_input(
        "objective fit: the model must be one that is fitted without gradients; "
        "leave the objective out to get the model's own");
  }
  return std::make_unique<FitTask>(std::move(model), context);
}

const RegisterObjective<FitConfig> kFit{
    "fit", "the model's own way to learn from the data, no gradients", make};

}  // namespace
}  // namespace seqsweep
