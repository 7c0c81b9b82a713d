#include "kernels/norm_and_feed_forward_cpu.h"

#include <algorithm>

namespace seqsweep {

NormAndFeedForwardTask::NormAndFeedForwardTask(const NormAndFeedForwardNumbers& in,
                                               const PanelOps& ops, int64_t columns)
    : in_(in),
      ops_(ops),
      hidden_FC_(in.up.out, std::min(columns, kFeedForwardColumns)),
      down_DC_(in.down.out, std::min(columns, kFeedForwardColumns)) {}

void NormAndFeedForwardTask::run(int64_t columns, Rows<const float> added_DC, Rows<float> x_DC) {
  ops_.add_and_norm(in_.down.out, panel_columns(columns), added_DC, in_.first_norm_weight,
                    in_.first_norm_bias, in_.eps, x_DC);
  for (int64_t column = 0; column < columns; column += kFeedForwardColumns) {
    const int64_t some = std::min(kFeedForwardColumns, columns - column);
    const Rows<float> x{x_DC.data + column, x_DC.row_stride};
    project_columns(in_.up, ops_, some, {x.data, x.row_stride}, hidden_FC_.rows());
    ops_.gelu(in_.up.out, panel_columns(some), hidden_FC_.rows());
    project_columns(in_.down, ops_, some, hidden_FC_.right(), down_DC_.rows());
    ops_.add_and_norm(in_.down.out, panel_columns(some), down_DC_.right(), in_.second_norm_weight,
                      in_.second_norm_bias, in_.eps, x);
  }
}

}  // namespace seqsweep
