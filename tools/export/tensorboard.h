// A results database as a log folder for TensorBoard.
#pragma once

#include <filesystem>

#include "db/database.h"

namespace seqsweep {

// Makes `folder`, which must be new: OUT/SWEEP/DATASET.MODEL.OPTIMIZER.sSEED.RUN, an event file in
// each. Returns how many runs it has; those without an attempt are left out.
int64_t export_tensorboard(Database& database, const std::filesystem::path& folder, int64_t now_ms);

}  // namespace seqsweep
