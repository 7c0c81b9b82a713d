// The CPU code behind embed_and_norm.h. Legend: D width, C columns of a panel (kernels/panel.h).
#pragma once

#include <cstdint>

#include "kernels/panel_ops.h"

namespace seqsweep {

// Contiguous, as in EmbedAndNormInputs; without positions both of theirs are null.
struct EmbedAndNormNumbers {
  const float *table, *positions, *weight, *bias;
  const int64_t *items, *position_of;
  int64_t width;
  float eps;
};

// Columns [0, count) of x become tokens [first, first + count); those behind, up to a whole panel,
// some finite numbers.
void embed_columns(const EmbedAndNormNumbers& in, const PanelOps& ops, int64_t first, int64_t count,
                   Rows<float> x_DC);

}  // namespace seqsweep
