// What a user likes better, from training data alone (the paper's section 3.5): of the last two
// items the one with the higher rating; and the last item rather than the one that another model
// recommends last of all.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/data/dataset.h"
#include "core/train/task.h"

namespace seqsweep {

struct PreferencePair {
  enum class Part { Ratings, Worst };
  int64_t user = 0;
  History before;  // What the user had until then.
  int32_t winner = 0, loser = 0;
  Part part = Part::Ratings;
};

struct PreferencePairs {
  std::vector<PreferencePair> pairs;  // By user.
  int64_t equal_ratings = 0;          // Users whose last two items, or one twice, give none for it.
  int64_t without_ratings = 0;        // Likewise, for want of ratings.
  int64_t too_short = 0;              // Users with too few training items for either part.
  int64_t without_worst = 0;          // Users that have all the items that a loser may be.
};

struct PreferenceOptions {
  int64_t users = 0;         // The first so many; 0: all.
  int64_t losers_among = 0;  // The worst of so many most popular items; 0: of all.
};

// The spans are of the data set, which must outlive them. No validation or test item of a user is
// in the user's pairs: of the worst items the next one is taken instead. after_batch() is a sign of
// life.
PreferencePairs preference_pairs(
    const Dataset& data, Task& negatives, const PreferenceOptions& options = {},
    const std::function<void()>& after_batch = [] {});

}  // namespace seqsweep
