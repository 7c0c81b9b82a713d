// How a step's microbatches are divided among ranks that differ in speed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/train/share.h"

namespace seqsweep {

// Each rank's count, zero included; they add up to `parts`. Each part goes to the rank that would
// be done with it first (of equals the first one): no other division in whole parts ends sooner.
std::vector<int64_t> divide(int64_t parts, std::span<const double> speeds);

// Follows the ranks' speeds. The same on every rank, since all observe the same figures.
class Division {
 public:
  explicit Division(int ranks);

  // Of the next step's microbatches, those of one rank, in order.
  Share share_of(int64_t microbatches, int rank) const;
  // After a step: each rank's seconds a microbatch; 0: it had none, or nobody looked.
  void observe(std::span<const double> seconds);

 private:
  struct Rank {
    double speed = 0;      // Microbatches a second, smoothed; of the steps measured.
    int64_t measured = 0;  // Steps.
    int64_t missed = 0;    // Steps since it was measured last.
  };

  std::vector<Rank> ranks_;
  std::vector<double> speeds_;  // In use.
};

}  // namespace seqsweep
