// A next-item task small enough to train in milliseconds: a table of scores of all items for every
// context, and users who each have one context and one target.
#pragma once

#include <torch/nn/functional/loss.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <limits>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/train/task.h"

namespace seqsweep {

constexpr int64_t kToyUsers = 22, kToyContexts = 7, kToyItems = 11;

struct ToyTable : torch::nn::Module {
  ToyTable() { scores = register_parameter("scores", torch::zeros({kToyContexts, kToyItems})); }
  torch::Tensor scores;
};

class ToyTask : public Task {
 public:
  explicit ToyTask(int64_t examples = kToyUsers) : examples_(examples) {}

  torch::nn::Module& module() override { return *table_; }
  int64_t embedding_parameters() const override { return 0; }
  int64_t begin_epoch(int64_t epoch) override {
    epochs_begun.push_back(epoch);
    return examples_;
  }

  // Example i has 1 + i % 3 targets, so that microbatches differ in their counts. The seed moves
  // the scores a little, as dropout would.
  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    Rng rng(seed);
    LossSum loss{.sum = torch::zeros({})};
    for (const int64_t i : examples) {
      const double drawn = noise * rng.normal();
      const torch::Tensor scores = table_->scores[context(i)] * (1 + drawn);
      const int64_t targets = 1 + i % 3;
      loss.sum = loss.sum - targets * torch::log_softmax(scores, 0)[target(i)];
      loss.count += targets;
    }
    if (++losses_ == nan_at_loss) loss.sum = loss.sum * std::numeric_limits<float>::quiet_NaN();
    return loss;
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split) override {
    std::vector<int32_t> ranks;
    for (const int64_t user : users) {
      const torch::Tensor scores = table_->scores[context(user)];
      const auto at_least = (scores >= scores[target(user)]).sum().item<int64_t>();
      ranks.push_back(static_cast<int32_t>(at_least - 1));
    }
    return ranks;
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories, int64_t,
                                                     Seen) override {
    return std::vector<std::vector<Recommendation>>(histories.size());
  }

  std::map<std::string, double> more_metrics(Split split, std::span<const int32_t>) override {
    if (split != Split::Validation) return {};
    return {{"largest", table_->scores.max().item<double>()}};
  }

  double noise = 0.1;
  int64_t nan_at_loss = -1;  // From 1: this call of loss() gives NaN.
  std::vector<int64_t> epochs_begun;

 private:
  static int64_t context(int64_t user) { return user % kToyContexts; }
  static int64_t target(int64_t user) { return (3 * context(user) + 1) % kToyItems; }

  std::shared_ptr<ToyTable> table_ = std::make_shared<ToyTable>();
  int64_t examples_;
  int64_t losses_ = 0;
};

}  // namespace seqsweep
