// Which pieces of the users' training histories an objective of the next item trains on.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/random.h"
#include "core/data/dataset.h"
#include "core/train/packing.h"

namespace seqsweep {

// The items of `user` in [window.begin, window.end), with losses from window.first_target on.
struct TrainingExample {
  int64_t user;
  Window window;
};

class TrainingExamples {
 public:
  // A history in windows of at most max_length items, every pair of it once (training_windows).
  static TrainingExamples of_positions(const Dataset& data, int64_t stride, int64_t max_length);
  // One example a prefix, with the loss at its last item (RecBole's augmentation). At most
  // `a_user` different ones of each user in an epoch; 0: all.
  static TrainingExamples of_prefixes(const Dataset& data, int64_t a_user);

  // Chooses an epoch's examples and their order; returns how many there are.
  int64_t begin_epoch(Rng rng);
  // Of the current epoch.
  const TrainingExample& operator[](int64_t index) const { return all_[order_[index]]; }

 private:
  std::vector<TrainingExample> all_;  // By user.
  std::vector<int64_t> first_;        // Of each user, and the end.
  int64_t a_user_ = 0;
  std::vector<int64_t> order_;  // Of the current epoch: indices into all_.
};

}  // namespace seqsweep
