#include "core/lm/preference_pairs.h"

#include <algorithm>

namespace seqsweep {

namespace {

constexpr int64_t kUsersAtOnce = 256;

// The last of a full list that the user has nowhere.
int32_t worst_of(const std::vector<Recommendation>& list, History all) {
  for (auto item = list.rbegin(); item != list.rend(); ++item) {
    if (std::ranges::find(all, item->item) == all.end()) return item->item;
  }
  return kNotRecommended;
}

}  // namespace

PreferencePairs preference_pairs(const Dataset& data, Task& negatives, int64_t users) {
  PreferencePairs made;
  const int64_t count = users > 0 ? std::min(users, data.users()) : data.users();
  for (int64_t begin = 0; begin < count; begin += kUsersAtOnce) {
    std::vector<History> histories;
    for (int64_t user = begin; user < std::min(begin + kUsersAtOnce, count); ++user) {
      histories.push_back(data.history(user, Split::Train));
    }
    const auto lists = negatives.recommend(histories, data.items(), Seen::LeftOut);
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
      const int32_t worst = worst_of(lists[i], data.sequence(user));
      if (worst == kNotRecommended) continue;
      made.pairs.push_back({.user = user,
                            .before = history.first(last),
                            .winner = history[last],
                            .loser = worst,
                            .part = PreferencePair::Part::Worst});
    }
  }
  return made;
}

}  // namespace seqsweep
