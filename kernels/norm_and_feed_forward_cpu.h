// The CPU code behind norm_and_feed_forward.h, on panels (kernels/panel.h). Legend: D width, F
// inner width, C columns.
#pragma once

#include <cstdint>

#include "kernels/project_columns.h"

namespace seqsweep {

// Contiguous, as in NormAndFeedForward; weights [out, in].
struct NormAndFeedForwardNumbers {
  const float *first_norm_weight, *first_norm_bias;
  LinearNumbers up, down;
  const float *second_norm_weight, *second_norm_bias;
  float eps;
};

// Tokens at a time whose hidden units stay in the first cache.
constexpr int64_t kFeedForwardColumns = 2 * kPanelColumns;

class NormAndFeedForwardTask {
 public:
  // For at most so many columns at a time.
  NormAndFeedForwardTask(const NormAndFeedForwardNumbers& in, const PanelOps& ops, int64_t columns);

  // The first `columns` columns of x become the result; others, up to a whole panel, anything.
  // added.data null: none.
  void run(int64_t columns, Rows<const float> added_DC, Rows<float> x_DC);

 private:
  const NormAndFeedForwardNumbers in_;
  const PanelOps& ops_;
  Panel hidden_FC_, down_DC_;
};

}  // namespace seqsweep
