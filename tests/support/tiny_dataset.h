// A data set in memory, for tests.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "core/data/dataset.h"

namespace seqsweep {

class TinyDataset : public Dataset {
 public:
  TinyDataset(std::vector<std::vector<int32_t>> sequences, int64_t items, int64_t max_length)
      : sequences_(std::move(sequences)), items_(items), max_length_(max_length) {
    for (int64_t i = 0; i < items; ++i) item_keys_.push_back(fmt::format("item{}", i));
    for (size_t u = 0; u < sequences_.size(); ++u) user_keys_.push_back(fmt::format("user{}", u));
  }

  const std::string& name() const override { return name_; }
  int64_t users() const override { return static_cast<int64_t>(sequences_.size()); }
  int64_t items() const override { return items_; }
  int64_t interactions() const override {
    int64_t total = 0;
    for (const auto& sequence : sequences_) total += static_cast<int64_t>(sequence.size());
    return total;
  }
  int64_t max_length() const override { return max_length_; }
  History sequence(int64_t user) const override { return sequences_.at(user); }
  std::span<const float> ratings(int64_t) const override { return {}; }
  std::span<const int64_t> timestamps(int64_t) const override { return {}; }
  std::string_view title(int64_t) const override { return ""; }
  std::string_view item_key(int64_t item) const override { return item_keys_.at(item); }
  std::string_view user_key(int64_t user) const override { return user_keys_.at(user); }

 private:
  std::string name_ = "tiny";
  std::vector<std::vector<int32_t>> sequences_;
  int64_t items_, max_length_;
  std::vector<std::string> item_keys_, user_keys_;
};

}  // namespace seqsweep
