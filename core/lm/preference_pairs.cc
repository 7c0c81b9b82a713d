#include "core/lm/preference_pairs.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace seqsweep {

namespace {

constexpr int64_t kUsersAtOnce = 256;

// 1 for each of the `count` items (0: all) with the most training interactions, of equal ones the
// first.
std::vector<char> most_popular(const Dataset& data, int64_t count) {
  if (count == 0 || count >= data.items()) return std::vector<char>(data.items(), 1);
  std::vector<int64_t> interactions(data.items(), 0);
  for (int64_t user = 0; user < data.users(); ++user) {
    for (const int32_t item : data.history(user, Split::Train)) ++interactions[item];
  }
  std::vector<int32_t> items(data.items());
  std::iota(items.begin(), items.end(), 0);
  std::ranges::stable_sort(items, std::greater(), [&](int32_t item) { return interactions[item]; });
  std::vector<char> popular(data.items(), 0);
  for (const int32_t item : std::span(items).first(count)) popular[item] = 1;
  return popular;
}

}  // namespace

PreferencePairs preference_pairs(const Dataset& data, Task& negatives,
                                 const PreferenceOptions& options,
                                 const std::function<void()>& after_batch) {
  PreferencePairs made;
  const int64_t users = options.users > 0 ? std::min(options.users, data.users()) : data.users();
  const std::vector<char> allowed = most_popular(data, options.losers_among);
  for (int64_t begin = 0; begin < users; begin += kUsersAtOnce) {
    std::vector<History> histories, all;
    for (int64_t user = begin; user < std::min(begin + kUsersAtOnce, users); ++user) {
      histories.push_back(data.history(user, Split::Train));
      all.push_back(data.sequence(user));
    }
    const std::vector<int32_t> worst = negatives.worst(histories, all, allowed);
    after_batch();
    for (size_t i = 0; i < histories.size(); ++i) {
      const auto user = begin + static_cast<int64_t>(i);
      const History history = histories[i];
      if (history.size() < 2) {
        ++made.too_short;
        continue;
      }
      const size_t last = history.size() - 1;
      const auto ratings = data.ratings(user);
      if (ratings.empty()) {
        ++made.without_ratings;
      } else if (ratings[last] == ratings[last - 1] || history[last] == history[last - 1]) {
        ++made.equal_ratings;
      } else if (last >= 2) {
        const bool newer = ratings[last] > ratings[last - 1];
        made.pairs.push_back({.user = user,
                              .before = history.first(last - 1),
                              .winner = history[newer ? last : last - 1],
                              .loser = history[newer ? last - 1 : last],
                              .part = PreferencePair::Part::Ratings});
      } else {
        ++made.too_short;
      }
      if (worst[i] == kNotRecommended) {
        ++made.without_worst;
        continue;
      }
      made.pairs.push_back({.user = user,
                            .before = history.first(last),
                            .winner = history[last],
                            .loser = worst[i],
                            .part = PreferencePair::Part::Worst});
    }
  }
  return made;
}

}  // namespace seqsweep
