// Plain sequence files in time order, without ratings and times.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/data/interaction_table.h"

namespace seqsweep {

// Lines of `user item`, or of `user item item ...` (one line a user), separated by spaces or tabs;
// a line shows by its length which it is. Throws Error (Fault::Input) when there are no rows or
// more than `malformed_share` of them are malformed: no item, or a second line of several items for
// a user, which is how a file of other columns shows. Returns how many were malformed.
int64_t read_sequences(const std::filesystem::path& path, double malformed_share,
                       InteractionTable& table);

}  // namespace seqsweep
