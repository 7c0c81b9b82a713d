#include "core/train/negative_items.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

std::vector<int32_t> known_items(const Dataset& data, int64_t user) {
  const History history = data.history(user, Split::Train);
  std::vector<int32_t> known(history.begin(), history.end());
  std::ranges::sort(known);
  known.erase(std::ranges::unique(known).begin(), known.end());
  if (std::ssize(known) == data.items()) {
    throw_input(
        "negative items: user '{}' had all {} items, so there is none to draw; use a loss that "
        "needs none",
        printable(data.user_key(user)), data.items());
  }
  return known;
}

}  // namespace

std::vector<int64_t> draw_unseen_items(const Dataset& data, std::span<const int64_t> users,
                                       uint64_t seed) {
  Rng rng(seed);
  std::vector<int64_t> negatives(users.size());
  std::vector<int32_t> known;
  for (size_t i = 0; i < users.size(); ++i) {
    if (i == 0 || users[i] != users[i - 1]) known = known_items(data, users[i]);
    do {
      negatives[i] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(data.items())));
    } while (std::ranges::binary_search(known, negatives[i]));
  }
  return negatives;
}

SharedNegatives::SharedNegatives(const Dataset& data, int64_t count, double power)
    : count_(count), expected_(static_cast<size_t>(data.items()), 1) {
  for (int64_t user = 0; user < data.users(); ++user) {
    for (const int32_t item : data.history(user, Split::Train)) expected_[item] += 1;
  }
  for (double& weight : expected_) weight = std::pow(weight, power);
  const double scale =
      static_cast<double>(count) / std::accumulate(expected_.begin(), expected_.end(), 0.0);
  for (double& weight : expected_) weight *= scale;
  running_.resize(expected_.size());
  std::partial_sum(expected_.begin(), expected_.end(), running_.begin());
}

std::vector<int64_t> SharedNegatives::draw(uint64_t seed) const {
  Rng rng(seed);
  std::vector<int64_t> negatives(static_cast<size_t>(count_));
  for (int64_t& item : negatives) {
    const auto place = std::ranges::upper_bound(running_, rng.uniform() * running_.back());
    item = std::min<int64_t>(place - running_.begin(), std::ssize(running_) - 1);
  }
  return negatives;
}

}  // namespace seqsweep
