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
  int64_t equal_ratings = 0;          // Users whose last two items give no pair for it.
  int64_t without_ratings = 0;        // Likewise, for want of ratings.
};

// Of the first `users` users (0: all). The spans are of the data set, which must outlive them. No
// validation or test item of a user is in the user's pairs: of the worst items the next one is
// taken instead. after_batch() is a sign of life.
PreferencePairs preference_pairs(
    const Dataset& data, Task& negatives, int64_t users,
    const std::function<void()>& after_batch = [] {});

}  // namespace seqsweep
