#include "core/lm/preference_pairs.h"

#include <algorithm>

namespace seqsweep {

namespace {

constexpr int64_t kUsersAtOnce = 256;

}  // namespace

PreferencePairs preference_pairs(const Dataset& data, Task& negatives, int64_t users,
                                 const std::function<void()>& after_batch) {
  PreferencePairs made;
  const int64_t count = users > 0 ? std::min(users, data.users()) : data.users();
  for (int64_t begin = 0; begin < count; begin += kUsersAtOnce) {
    std::vector<History> histories, all;
    for (int64_t user = begin; user < std::min(begin + kUsersAtOnce, count); ++user) {
      histories.push_back(data.history(user, Split::Train));
      all.push_back(data.sequence(user));
    }
    const std::vector<int32_t> worst = negatives.worst(histories, all, data.items());
    after_batch();
    for (size_t i = 0; i < histories.size(); ++i) {
      const auto user = begin + static_cast<int64_t>(i);
      const History history = histories[i];
      if (history.size() < 2) continue;
      const size_t last = history.size() - 1;
      const auto ratings = data.ratings(user);
      if (ratings.empty()) {
        ++made.without_ratings;
      } else if (ratings[last] == ratings[last - 1]) {
        ++made.equal_ratings;
      } else if (last >= 2) {
        const bool newer = ratings[last] > ratings[last - 1];
        made.pairs.push_back({.user = user,
                              .before = history.first(last - 1),
                              .winner = history[newer ? last : last - 1],
                              .loser = history[newer ? last - 1 : last],
                              .part = PreferencePair::Part::Ratings});
      }
      if (worst[i] == kNotRecommended) continue;
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
