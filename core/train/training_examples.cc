#include "core/train/training_examples.h"

#include <algorithm>

namespace seqsweep {

TrainingExamples TrainingExamples::of_positions(const Dataset& data, int64_t stride,
                                                int64_t max_length) {
  TrainingExamples examples;
  for (int64_t user = 0; user < data.users(); ++user) {
    examples.first_.push_back(std::ssize(examples.all_));
    const int64_t items = std::ssize(data.history(user, Split::Train));
    for (const Window& window : training_windows(items, max_length, stride)) {
      examples.all_.push_back({user, window});
    }
  }
  examples.first_.push_back(std::ssize(examples.all_));
  return examples;
}

TrainingExamples TrainingExamples::of_prefixes(const Dataset& data, int64_t a_user) {
  TrainingExamples examples;
  examples.a_user_ = a_user;
  for (int64_t user = 0; user < data.users(); ++user) {
    examples.first_.push_back(std::ssize(examples.all_));
    const auto items = static_cast<int32_t>(data.history(user, Split::Train).size());
    for (int32_t end = 1; end < items; ++end) {
      const auto begin = std::max(0, end - static_cast<int32_t>(data.max_length()));
      examples.all_.push_back({user, {begin, end, end - 1}});
    }
  }
  examples.first_.push_back(std::ssize(examples.all_));
  return examples;
}

int64_t TrainingExamples::begin_epoch(Rng rng) {
  order_.clear();
  for (size_t user = 0; user + 1 < first_.size(); ++user) {
    const size_t chosen = order_.size();
    for (int64_t i = first_[user]; i < first_[user + 1]; ++i) order_.push_back(i);
    const int64_t count = std::ssize(order_) - static_cast<int64_t>(chosen);
    if (a_user_ == 0 || count <= a_user_) continue;
    shuffle(std::span(order_).subspan(chosen), rng);
    order_.resize(chosen + static_cast<size_t>(a_user_));
  }
  shuffle(std::span(order_), rng);
  return std::ssize(order_);
}

}  // namespace seqsweep
