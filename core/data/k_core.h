// k-core: drops users and items with too few interactions, again and again until nothing drops.
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/interaction_table.h"

namespace seqsweep {

struct CoreMinimum {
  int64_t user = 5;  // Interactions that a user, an item needs to stay.
  int64_t item = 5;
};

// Removes rows from the table's columns in place, in order. The fixed point does not depend on the
// order of removal.
void keep_core(InteractionTable& table, CoreMinimum minimum);

// Ids that still occur, numbered by first appearance.
struct Renumbering {
  std::vector<int32_t> new_id;  // By old id; KeyTable::kAbsent when it does not occur.
  std::vector<int32_t> old_id;  // By new id.
};
// Replaces the ids of a column by their new ones. `old_ids` is how many there may be.
Renumbering renumber(std::vector<int32_t>& column, int64_t old_ids);

}  // namespace seqsweep
