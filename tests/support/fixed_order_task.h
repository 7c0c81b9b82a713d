// A trained model as other runs need it: recommends items 0, 1, 2, ... to everyone.
#pragma once

#include <torch/nn/module.h>

#include <algorithm>

#include "core/train/task.h"

namespace seqsweep {

class FixedOrderTask : public Task {
 public:
  explicit FixedOrderTask(const Dataset& data) : data_(data) {}

  torch::nn::Module& module() override { return module_; }
  int64_t embedding_parameters() const override { return 0; }
  int64_t begin_epoch(int64_t) override { return 0; }
  LossSum loss(std::span<const int64_t>, uint64_t) override { return {}; }
  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    std::vector<int32_t> ranks;
    for (const int64_t user : users) ranks.push_back(data_.target(user, split));
    return ranks;
  }
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    std::vector<std::vector<Recommendation>> lists;
    for (const History& history : histories) {
      auto& list = lists.emplace_back();
      for (int32_t item = 0; item < data_.items() && std::ssize(list) < count; ++item) {
        const bool had = std::ranges::find(history, item) != history.end();
        if (seen == Seen::Listed || !had) list.push_back({item, -static_cast<float>(item)});
      }
    }
    return lists;
  }

 private:
  torch::nn::Module module_;
  const Dataset& data_;
};

}  // namespace seqsweep
