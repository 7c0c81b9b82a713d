// Every user's interactions in time order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/interaction_table.h"

namespace seqsweep {

struct UserSequences {
  std::vector<int64_t> offsets;  // User u has [offsets[u], offsets[u + 1]); one more than users.
  std::vector<int32_t> items;
  std::vector<float> ratings;       // Empty: none.
  std::vector<int64_t> timestamps;  // Unix seconds; empty: none.
};

// A stable order by time: ties stay in file order, or, when `item_rank` (by item id) is not empty,
// are ordered by it. Ids must be numbered 0 .. users - 1. Gives the table's columns back to the
// system as it goes.
UserSequences order_by_time(InteractionTable& table, int64_t users,
                            std::span<const int32_t> item_rank);

}  // namespace seqsweep
