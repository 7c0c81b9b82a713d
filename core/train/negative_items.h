// Items drawn to train against, from a seed alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/dataset.h"

namespace seqsweep {

// For each of `users` (a row each, equal ones side by side) an item that the user never had in
// training, uniformly. Throws Error (Fault::Input) when a user had every item.
std::vector<int64_t> draw_unseen_items(const Dataset& data, std::span<const int64_t> users,
                                       uint64_t seed);

// Items for all rows of a microbatch: item i with n training events is drawn in proportion to
// (n + 1)^power, with replacement.
class SharedNegatives {
 public:
  SharedNegatives(const Dataset& data, int64_t count, double power);

  std::vector<int64_t> draw(uint64_t seed) const;
  // [V]: how often an item is expected among the `count` drawn ones.
  const std::vector<double>& expected() const { return expected_; }

 private:
  int64_t count_;
  std::vector<double> expected_;
  std::vector<double> running_;  // Sums of expected_.
};

}  // namespace seqsweep
